/* Owns nothing but the thread's current unit. Its end is a forced unwinding, which is how glibc ends a thread that is cancelled:
 * the unwinder runs the cleanup attributes frame by frame up to that of unit_run, then jumps there. Clocks and `stop` are asked
 * when QUANTUM_STEPS were spent or QUANTUM_BYTES taken, so that what is small never pays for them. */
#include "base/unit.h"

#include <setjmp.h>
#include <stdlib.h>
#include <unwind.h>

#include "base/clock.h"

#ifndef __has_feature
#define __has_feature(x) 0 /* Clang's */
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define STACK_LEFT() __asan_handle_no_return() /* frames end without their epilogues, which would unpoison them */
#else
#define STACK_LEFT() ((void)0)
#endif

enum { QUANTUM_STEPS = 1 << 16, QUANTUM_BYTES = 1 << 18 };

struct unit {
    const struct unit_budget *b;
    int64_t end_ms;
    size_t bytes, peak, steps, unasked; /* unasked: bytes since the clock was last asked */
    enum unit_end end;
    uintptr_t frame; /* of unit_run: what is unwound lies below it */
    struct _Unwind_Exception exception;
    jmp_buf env;
};

static __thread struct unit *current;
static __thread size_t last_peak;

static _Unwind_Reason_Code on_frame(int version, _Unwind_Action actions, _Unwind_Exception_Class cls, struct _Unwind_Exception *ex,
                                    struct _Unwind_Context *context, void *arg) {
    (void)version, (void)cls, (void)ex;
    struct unit *u = arg;
    if ((actions & _UA_END_OF_STACK) || (uintptr_t)_Unwind_GetCFA(context) > u->frame) longjmp(u->env, 1);
    return _URC_NO_REASON;
}

/* Cleanups may take memory, too: by then there is no budget any more. */
static void leave(struct unit *u, enum unit_end end) __attribute__((noreturn, cold));
static void leave(struct unit *u, enum unit_end end) {
    u->end = end;
    current = NULL;
    STACK_LEFT();
    _Unwind_ForcedUnwind(&u->exception, on_frame, u);
    abort(); /* it does not return */
}

static void __attribute__((cold, noinline)) ask(struct unit *u) {
    u->steps = u->unasked = 0;
    if (u->b->ms && clock_mono_ms(clock_real()) >= u->end_ms) leave(u, UNIT_TIME);
    if (u->b->stop && u->b->stop(u->b->ctx)) leave(u, UNIT_STOPPED);
}

void unit_charge(size_t bytes) {
    struct unit *u = current;
    if (!u) return;
    u->bytes += bytes;
    if (u->bytes > u->peak) u->peak = u->bytes;
    if (u->b->bytes && u->bytes > u->b->bytes) leave(u, UNIT_BYTES);
    u->unasked += bytes;
    if (u->unasked >= QUANTUM_BYTES) ask(u);
}

void unit_refund(size_t bytes) {
    struct unit *u = current;
    if (u) u->bytes -= bytes < u->bytes ? bytes : u->bytes; /* it may be from before the unit */
}

void unit_spend(size_t steps) {
    struct unit *u = current;
    if (!u) return;
    u->steps += steps;
    if (u->steps >= QUANTUM_STEPS) ask(u);
}

/* A frame of its own, without cleanups. */
enum unit_end __attribute__((noinline)) unit_run(const struct unit_budget *b, void (*fn)(void *), void *arg) {
    if (current) {
        fn(arg);
        return UNIT_DONE;
    }
    struct unit u = {.b = b, .frame = (uintptr_t)__builtin_frame_address(0)};
    if (b->ms) u.end_ms = clock_mono_ms(clock_real()) + b->ms;
    if (setjmp(u.env) == 0) {
        current = &u;
        fn(arg);
        current = NULL;
    }
    last_peak = u.peak;
    return u.end;
}

size_t unit_peak(void) {
    return last_peak;
}
