/* What every name that other programs read means: one row for each label, annotation, variable, condition, reason and event of
 * this API. Data only; the reference page is printed from it. A test demands a row for each label and annotation of names.h, and
 * that each reason here is one that the controllers give. */
#include "api/names.h"

#include "base/str.h"

/* A fourth argument: where users write it. */
#define LABEL(name, on, text, ...) {NAME_LABEL, name, on, text, ##__VA_ARGS__}
#define ANNOTATION(name, on, text, ...) {NAME_ANNOTATION, name, on, text, ##__VA_ARGS__}
#define ENV(name, on, text) {NAME_ENV, name, on, text}
#define CONDITION(name, on, text) {NAME_CONDITION, name, on, text}
#define REASON(name, on, text) {NAME_REASON, name, on, text}
#define EVENT(name, on, text) {NAME_EVENT, name, on, text}

#define CHILDREN "RoleInstanceSet, Service, pod"
#define TREE "RoleInstanceSet, RoleInstance"

static const struct name_info rows[] = {
    LABEL(L_GROUP_NAME, CHILDREN ", ConfigMap, ControllerRevision", "Name of the group. The controllers watch by it."),
    LABEL(L_GROUP_UID, CHILDREN, "Hex SHA-1 of \"<namespace>/<group>\"; part of the selectors. No UID of Kubernetes."),
    LABEL(L_GROUP_UNIQUE_HASH, "pod",
          "The same value, on pods of a group with exclusive topology only: their affinity terms select it."),
    LABEL(L_GROUP_REVISION, "ControllerRevision", "Hash of the group's spec in this revision."),
    LABEL(L_GROUPSET_NAME, "RoleBasedGroup", "The set that the group belongs to.", AT_GROUP),
    LABEL(L_GROUPSET_INDEX, "RoleBasedGroup", "Which of the set's groups this is, from 0.", AT_GROUP),
    LABEL(L_RBG_OWNER_UID, TREE, "metadata.uid of the group; only with in-place scheduling."),
    LABEL(L_ROLE_NAME, CHILDREN, "Name of the role."),
    LABEL(L_ROLE_TYPE, TREE, "Pattern of the role: PodTemplate, LeaderWorkerSet or Components. It decides what pods are called."),
    LABEL(L_ROLE_REVISION_PREFIX "<role>", TREE, "Hash of the role's part of the group's spec."),
    LABEL(L_INSTANCE_OWNER, "RoleInstance", "metadata.uid of the set; stateless sets only."),
    LABEL(L_INSTANCE_ID, "RoleInstance", "Random part of the instance's name; stateless sets only."),
    LABEL(L_INSTANCE_NAME, "pod, ControllerRevision", "The role instance that the object belongs to."),
    LABEL(L_INSTANCE_INDEX, "RoleInstance, pod", "Ordinal of the instance in its set; stateful sets only."),
    LABEL(L_INSTANCE_DELETE, "RoleInstance", "Set by a user or controller: delete this instance first when the set shrinks."),
    LABEL(L_LIFECYCLE_STATE, "RoleInstance",
          "Normal, PreparingUpdate, Updating, Updated or PreparingDelete; stateless sets only."),
    LABEL(L_COMPONENT_NAME, "pod",
          "Component of the instance: leader, worker, a component's name; of a standalone role the role's name."),
    LABEL(L_COMPONENT_ID, "pod", "Ordinal of the pod in its component, from 0."),
    LABEL(L_COMPONENT_INDEX, "pod", "Leader-worker roles only: 0 for the leader, from 1 for workers."),
    LABEL(L_COMPONENT_SIZE, "pod", "Pods of the component; of a leader-worker role leader and workers together."),
    LABEL(L_POD_NAME, "RoleInstance, pod", "Name of the instance; stateful sets only."),
    LABEL(L_REVISION_HASH, "RoleInstance, pod", "Short name of the revision that the object was made from."),
    LABEL(L_REVISION_DATA_HASH, "ControllerRevision", "Hash of the revision's data."),
    LABEL(L_POD_GROUP, "pod", "Gang scheduling by scheduler-plugins: the PodGroup, named as the group."),

    ANNOTATION(A_EXCLUSIVE_TOPOLOGY, "RoleBasedGroup",
               "A node label key, such as kubernetes.io/hostname: each of its domains holds pods of one group at most.", AT_GROUP),
    ANNOTATION(A_DISABLE_EXCLUSIVE, "role, pod template", "Any value: the role's pods do not follow the exclusive topology.",
               AT_ROLE | AT_TEMPLATE),
    ANNOTATION(A_GANG, "RoleBasedGroup", "\"true\": the scheduler places the group's pods together or not at all.", AT_GROUP),
    ANNOTATION(A_GANG_TIMEOUT, "RoleBasedGroup", "Seconds that the scheduler waits for the whole gang; 60 if unset.", AT_GROUP),
    ANNOTATION(A_GANG_VOLCANO_QUEUE, "RoleBasedGroup", "Queue of the gang in volcano.", AT_GROUP),
    ANNOTATION(A_GANG_VOLCANO_PRIORITY, "RoleBasedGroup", "Priority class of the gang in volcano.", AT_GROUP),
    ANNOTATION(A_INSTANCE_GANG, "role; copied to " TREE,
               "\"true\": each instance of the role is a gang. Not together with " A_GANG ".", AT_ROLE),
    ANNOTATION(A_ROLE_SIZE, "RoleInstanceSet, Service",
               "Replicas of the role. Written by the controller; a user's value is dropped."),
    ANNOTATION(A_WORKLOAD_TYPE, "role",
               "What the role runs as, \"<apiVersion>/<kind>\". Unset: " WORKLOAD_RIS ".", AT_ROLE),
    ANNOTATION(A_PATTERN, "role, RoleInstanceSet", "Stateful (the default): instances have ordinals. Stateless: random names.",
               AT_ROLE),
    ANNOTATION(A_RUNTIMES_MADE_WITH, "RoleInstanceSet",
               "What the role was made with: a hash of it without its profiles, and one of the profiles; by these a changed "
               "profile is told from a changed role."),
    ANNOTATION(A_DISCOVERY_MODE, "RoleBasedGroup",
               "refine: one ConfigMap for the group. legacy: none is written. Set when the group is created.", AT_GROUP),
    ANNOTATION(A_LIFECYCLE_TIME, "RoleInstance", "When the life cycle state changed last, RFC 3339; stateless sets only."),
    ANNOTATION(A_INPLACE_STATE, "RoleInstance, pod",
               "JSON about the last in-place update: revision, updateTimestamp, lastContainerStatuses."),
    ANNOTATION(A_INPLACE_BEFORE, "pod",
               "JSON {container: {image, imageID, containerID, restartCount, updates}}: what ran before the in-place updates that "
               "are on their way, or before the last one."),
    ANNOTATION(A_INPLACE_GRACE, "RoleInstance, pod", "JSON about an in-place update that waits for its grace period to pass."),
    ANNOTATION(A_INPLACE_GRACE_SECONDS, TREE, "Seconds between taking a pod out of service and updating it in place."),
    ANNOTATION(A_RESTART_TRIGGER, "component, pod", "Ignore: restarts of this pod do not trigger the restart policy.", AT_TEMPLATE),
    ANNOTATION(A_RESTART_BASELINE, "pod",
               "JSON {container: restarts} before the pod was first in service; they are no crashes. Absent: there were none."),
    ANNOTATION(A_RESTART_ID, "pod",
               "The recreation of its instance after which the pod was made: restartCount/lastRestartTime. Absent before "
               "the first."),
    ANNOTATION(A_INPLACE_SCHEDULING, "role; copied to " TREE,
               "Preferred or Required: a recreated pod goes back to the node that it was on.", AT_ROLE),
    ANNOTATION(A_INPLACE_SCHEDULING_GRANULARITY, "role; copied to " TREE, "Pod or Component: whose nodes are remembered.", AT_ROLE),
    ANNOTATION(A_INPLACE_SCHEDULING_AVOID, "role; copied to " TREE,
               "Node label keys, comma-separated: nodes with one of them are avoided.", AT_ROLE),
    ANNOTATION(A_PORT_ALLOCATOR, "pod template, component",
               "JSON {allocations: [{name, env, annotationKey, scope}], references: [{env, from}]}: ports to allocate, and ports "
               "(\"role.component.port\") to be told of.", AT_TEMPLATE),
    ANNOTATION(A_COMPONENT_DISCOVERY, "pod template, component",
               "JSON {addressRefs: [{env, component, index}], portRefs: [{env, component, portName, index}]}: variables that hold "
               "addresses and ports of other components of the instance. Not on pods.", AT_TEMPLATE),
    ANNOTATION(A_COMPONENT_DEPENDS, "component, pod template",
               "JSON {startAfter: [], deleteAfter: []}: components that must be ready before, or gone before, this one.",
               AT_TEMPLATE),
    ANNOTATION(A_RUNTIME_META, "pod",
               "Read, never written: a node agent's report of the containers that run, as JSON."),
    ANNOTATION(A_V1_POD_GROUP_POLICY, "RoleBasedGroup, RoleBasedGroupSet",
               "v1alpha1 spec.podGroupPolicy of a converted object, as JSON.", AT_GROUP),
    ANNOTATION(A_V1_COORDINATION, "RoleBasedGroup, RoleBasedGroupSet",
               "v1alpha1 spec.coordination of a converted object, as JSON.", AT_GROUP),
    ANNOTATION(A_V1_EXCLUSIVE_TOPOLOGY, "RoleBasedGroup v1alpha1",
               "The older name of " A_EXCLUSIVE_TOPOLOGY "; conversion writes both."),

    ENV("RBG_GROUP_NAME", "every role", "Name of the group."),
    ENV("RBG_ROLE_NAME", "every role", "Name of the role."),
    ENV("RBG_ROLE_INDEX", "stateful roles", "Ordinal of the instance, from 0."),
    ENV("RBG_ROLE_INSTANCE_NAME", "roles that run as RoleInstanceSet", "Name of the role instance."),
    ENV("RBG_COMPONENT_NAME", "roles that run as RoleInstanceSet", "Name of the component: label " L_COMPONENT_NAME "."),
    ENV("RBG_COMPONENT_INDEX", "roles that run as RoleInstanceSet",
        "Ordinal of the pod in its component: label " L_COMPONENT_ID "."),
    ENV("RBG_LWP_LEADER_ADDRESS", "leader-worker roles", "DNS name of the leader of this instance."),
    ENV("RBG_LWP_WORKER_INDEX", "leader-worker roles", "0 for the leader, from 1 for workers."),
    ENV("RBG_LWP_GROUP_SIZE", "leader-worker roles", "Pods of the instance, leader included."),

    CONDITION("Ready", "RoleBasedGroup, RoleBasedGroupSet",
              "Every role has all its instances, and all are ready. Of a set: all its groups are Ready."),
    REASON("AllReplicasReady", "RoleBasedGroupSet Ready=True", "All groups are ready."),
    REASON("ReplicasNotReady", "RoleBasedGroupSet Ready=False",
           "The message says how many, and what the first one lacks."),
    REASON("AllRolesReady", "RoleBasedGroup Ready=True", "All roles are ready."),
    REASON("RoleNotReady", "RoleBasedGroup Ready=False", "The message says which role lacks what."),
    REASON("NameTaken", "RoleBasedGroup, RoleBasedGroupSet Ready=False; RoleInstanceSet, RoleInstance FailedScale=True",
           "An object of a name that is needed is somebody else's; the message names it."),
    CONDITION("Progressing", "RoleBasedGroup, RoleBasedGroupSet",
              "True: something moves towards the spec, or is tried again. False: everything is there, or nothing moves any more; "
              "then Stalled is True. The reason is one of those below, or the word by which the cause is known."),
    REASON("RolesStarting", "RoleBasedGroup Progressing=True", "Instances are missing or not ready yet."),
    REASON("WaitingForDependencies", "RoleBasedGroup Progressing=True", "A role waits for one that it depends on."),
    REASON("RollingUpdate", "RoleBasedGroup Progressing=True", "Instances are being updated."),
    REASON("Settled", "RoleBasedGroup Progressing=False", "Nothing to do."),
    REASON("RolloutHeld", "RoleBasedGroup Progressing=False",
           "A partition or a pause holds a rollout, which is where it was sent."),
    CONDITION("Stalled", "RoleBasedGroup, RoleBasedGroupSet",
              "Present while one cause, its reason, keeps everything still. False: since lastTransitionTime. True: for longer than "
              "--progress-deadline, or at once where waiting can't help."),
    REASON("ErrImagePull", "RoleBasedGroup Progressing, Stalled",
           "An image can't be pulled; also where the pod says ImagePullBackOff."),
    REASON("CrashLoopBackOff", "RoleBasedGroup Progressing, Stalled",
           "A container ends again and again before it is ready. Other reasons by which containers wait are told as they are."),
    REASON("ContainerWaiting", "RoleBasedGroup Progressing, Stalled", "A container waits for a reason that is not one word."),
    REASON("Unschedulable", "RoleBasedGroup Progressing, Stalled", "No node takes a pod."),
    REASON("PodFailed", "RoleBasedGroup Progressing, Stalled",
           "A pod has failed; the pod's own reason, such as Evicted, if it has one."),
    REASON("GroupsStarting", "RoleBasedGroupSet Progressing=True", "Groups are missing or not ready yet."),
    REASON("GroupsUpdating", "RoleBasedGroupSet RollingUpdateInProgress=True", "Groups are not what the template says."),
    REASON("GroupsUpToDate", "RoleBasedGroupSet RollingUpdateInProgress=False", "All groups are what the template says."),
    CONDITION("RollingUpdateInProgress", "RoleBasedGroup, RoleBasedGroupSet",
              "Some role has, or is about to have, instances of an older revision."),
    REASON("RolesUpdating", "RoleBasedGroup RollingUpdateInProgress=True",
           "The message counts, and says when a pause or a partition holds."),
    REASON("RolesUpToDate", "RoleBasedGroup RollingUpdateInProgress=False", "No role is being updated."),
    REASON("InvalidSpec", "RoleBasedGroup Ready=False, Progressing=False; RoleInstanceSet FailedUpdate=True",
           "The stored object can't be read; the message names the field."),
    REASON("InvalidRoleTemplates", "RoleBasedGroup Ready=False, Progressing=False", "A role's template can't be built."),
    REASON("InvalidRoleDependency", "RoleBasedGroup Ready=False, Progressing=False", "An unknown dependency, or a cycle."),
    CONDITION("FailedUpdate", "RoleInstanceSet, RoleInstance", "There is an update that can't be carried out; absent otherwise."),
    REASON("UpdateNotPossible", "RoleInstanceSet FailedUpdate=True, RoleInstance FailedUpdate=True",
           "InPlaceOnly, but the difference can't be applied in place: nothing is updated. The message names the field."),
    REASON("RevisionRefused", "RoleInstanceSet FailedUpdate=True",
           "The API server does not let the ControllerRevision be made; the message is its own."),
    REASON("UnknownRoleInstancePattern", "RoleInstanceSet FailedUpdate=True",
           "The annotation that says how instances are named is misspelt: nothing is done."),
    CONDITION(COND_RI_READY, "RoleInstance", "All pods are ready and at the update revision."),
    REASON("Ready", "RoleInstance RoleInstanceReady=True", "Ready."),
    REASON("PodsNotReady", "RoleInstance RoleInstanceReady=False", "The message names the first pod, and why."),
    REASON("InplaceUpdateNotReady", "RoleInstance RoleInstanceReady=False", "Pods are being updated in place."),
    CONDITION(COND_RI_ALL_PODS, "RoleInstance", "All pods are there and ready."),
    REASON("PodsReady", "RoleInstance RoleInstanceAllPodsReady=True", "They are."),
    REASON("AtLeastOnePodNotReady", "RoleInstance RoleInstanceAllPodsReady=False", "One is not. No reason: a pod is missing."),
    CONDITION(GATE_RI_INPLACE, "RoleInstance", "False while pods are being updated in place; a readiness gate of the instance."),
    CONDITION("FailedScale", "RoleInstanceSet, RoleInstance",
           "Instances or pods can't be made; absent otherwise. The message says why."),
    CONDITION(COND_RI_RESTARTING, "RoleInstance",
              "The restart policy recreates the instance's pods; True until it is ready again, absent otherwise."),
    REASON("RestartPolicyTriggered", "RoleInstance Restarting=True", "A pod crashed; the message says which, and how."),
    REASON("BackOff", "RoleInstance Restarting=False",
           "A pod crashed, but too soon after the latest recreation; the message says when."),
    CONDITION(COND_RI_FAILED, "RoleInstance",
              "The restart policy has given up. False, with the first failure as message, while it counts; absent before the "
              "first."),
    REASON("Restarted", "RoleInstance Failed=False", "The instance has been recreated, status.restartCount times in a row."),
    REASON("PodsReplaced", "RoleInstance Failed=False", "Pods that failed before they were ever in service have been replaced."),
    REASON("RestartLimitExceeded", "RoleInstance Failed=True", "maxRestarts is reached; a change of the spec starts over."),
    CONDITION(COND_RI_CUSTOM, "RoleInstance", "Left to other programs, as a readiness gate of their own."),
    CONDITION(GATE_INSTANCE_POD, "pod", "A readiness gate: False while the instance takes the pod out of service."),
    REASON("InstanceNotReady", "pod InstancePodReady=False",
           "The pod was in service; now it or another pod of the instance is not ready."),
    REASON("StartInstanceUpdate", "pod InstancePodReady=False", "The pod is about to be updated."),
    CONDITION(GATE_INPLACE_UPDATE, "pod", "A readiness gate: False while the pod is updated in place."),
    REASON("StartInPlaceUpdate", "pod InPlaceUpdateReady=False, RoleInstance RoleInstanceInPlaceUpdateReady=False",
           "Containers are being replaced."),

    EVENT("Succeed", "RoleBasedGroup, Normal", "Every role has been applied."),
    EVENT("SucceedCreateRevision", "RoleBasedGroup, Normal", "A ControllerRevision of the group was made."),
    EVENT("FailedCreateRevision", "RoleBasedGroup, RoleInstanceSet, RoleInstance, Warning", "It could not be made."),
    EVENT("FailedReconcileWorkload", "RoleBasedGroup, Warning", "The workload or Service of a role can't be applied."),
    EVENT("InvalidTemplateRef", "RoleBasedGroup, Warning",
          "A role's templateRef names no template, or its patch can't be applied."),
    EVENT("FailedDeleteWorkload", "RoleBasedGroup, Warning", "The workload of a removed role can't be deleted."),
    EVENT("FailedReconcileDiscoveryConfigMap", "RoleBasedGroup, Warning", "The discovery ConfigMap can't be applied."),
    EVENT("FailedCreateScalingAdapter", "RoleBasedGroup, Warning",
          "The scaling adapter of a role can't be made, changed or deleted."),
    EVENT("ReplicasOverriddenByAdapter", "RoleBasedGroup, Warning",
          "A role is scaled as its adapter asks, before that is written into the group."),
    EVENT("SuccessfulBound", "RoleBasedGroupScalingAdapter, Normal", "The adapter follows its role, and autoscalers may begin."),
    EVENT("SuccessfulScale", "RoleBasedGroupScalingAdapter, Normal", "The adapter's count was written into the group."),
    EVENT("FailedScale", "RoleBasedGroupScalingAdapter, Warning", "It was refused; the message says why."),
    EVENT("FailedGetRBGRole", "RoleBasedGroupScalingAdapter, Warning", "The group has no such role any more."),
    EVENT("DependencyNotMet", "RoleBasedGroup, Normal", "A role waits for one that it depends on."),
    EVENT("Stalled", "RoleBasedGroup, Warning", "As the condition: nothing moves any more. Once for each cause."),
    EVENT("FailedUpdateStatus", "RoleBasedGroup, Warning", "The group's status can't be written."),
    EVENT("InvalidSpec", "RoleBasedGroup, Warning", "As the condition's reason."),
    EVENT("InvalidRoleTemplates", "RoleBasedGroup, Warning", "As the condition's reason."),
    EVENT("InvalidRoleDependency", "RoleBasedGroup, Warning", "As the condition's reason."),
    EVENT("SuccessfulCreate", "RoleBasedGroupSet, RoleInstanceSet, RoleInstance, Normal",
          "A group, an instance, or a pod was made."),
    EVENT("FailedCreate", "RoleBasedGroupSet, RoleInstanceSet, RoleInstance, Warning", "It could not be made."),
    EVENT("SuccessfulDelete", "RoleBasedGroupSet, RoleInstanceSet, RoleInstance, Normal",
          "A group, an instance, or a pod was deleted."),
    EVENT("FailedDelete", "RoleBasedGroupSet, RoleInstanceSet, RoleInstance, Warning", "It could not be deleted."),
    EVENT("SuccessfulUpdate", "RoleBasedGroupSet, Normal", "A group was brought to the set's template."),
    EVENT("FailedUpdate", "RoleBasedGroupSet, Warning", "It could not be."),
    EVENT("UnknownRoleInstancePattern", "RoleInstanceSet, Warning", "As the condition's reason."),
    EVENT("FailedUpdateInstanceInPlace", "RoleInstanceSet, Warning", "An instance can't be updated in place."),
    EVENT("SuccessfulUpdatePodInPlace", "RoleInstance, Normal", "A pod was updated in place."),
    EVENT("FailedUpdatePodInPlace", "RoleInstance, Warning", "A pod can't be updated in place."),
    EVENT("FailedUpdatePodReCreate", "RoleInstance, Warning", "An outdated pod can't be deleted."),
    EVENT("ReCreateInstance", "RoleInstance, Warning", "The restart policy recreates the instance, or replaces pods that failed."),
    EVENT("RestartLimitExceeded", "RoleInstance, Warning", "As the condition's reason: no further recreation."),
    EVENT("RevisionNotFound", "RoleInstance, Warning", "A pod's revision is gone, so the pod is recreated."),
};

#define INSTANCESET_ "instanceset." API_GROUP "/"
#define INSTANCE_ "instance." API_GROUP "/"
#define LIFECYCLE_ "lifecycle." API_GROUP "/"
#define SET_ "rolebasedgroupset." API_GROUP "/"

static const struct name_old old_rows[] = {
    {NAME_LABEL, O_ "name", L_GROUP_NAME},
    {NAME_LABEL, O_ "role", L_ROLE_NAME},
    {NAME_LABEL, O_ "group-unique-key", L_GROUP_UID},
    {NAME_LABEL, O_ "controller-revision-hash", L_GROUP_REVISION},
    {NAME_LABEL, O_ "role-revision-hash-", L_ROLE_REVISION_PREFIX},
    {NAME_LABEL, SET_ "name", L_GROUPSET_NAME},
    {NAME_LABEL, SET_ "rbg-index", L_GROUPSET_INDEX},
    {NAME_LABEL, "component." O_ "name", L_COMPONENT_NAME},
    {NAME_LABEL, "component." O_ "index", L_COMPONENT_INDEX},
    {NAME_LABEL, "component." O_ "size", L_COMPONENT_SIZE},
    {NAME_LABEL, "role." O_ "template-type", L_ROLE_TYPE},
    {NAME_LABEL, INSTANCESET_ "owner-uid", L_INSTANCE_OWNER},
    {NAME_LABEL, INSTANCESET_ "instance-id", L_INSTANCE_ID},
    {NAME_LABEL, INSTANCESET_ "instance-name", L_INSTANCE_NAME},
    {NAME_LABEL, INSTANCESET_ "instance-component-id", L_COMPONENT_ID},
    {NAME_LABEL, INSTANCESET_ "instance-component-name", L_COMPONENT_NAME},
    {NAME_LABEL, INSTANCESET_ "specified-delete", L_INSTANCE_DELETE},
    {NAME_LABEL, INSTANCE_ "instance-name", L_INSTANCE_NAME},
    {NAME_LABEL, INSTANCE_ "component-name", L_COMPONENT_NAME},
    {NAME_LABEL, INSTANCE_ "component-id", L_COMPONENT_ID},
    {NAME_LABEL, LIFECYCLE_ "state", L_LIFECYCLE_STATE},
    {NAME_ANNOTATION, LIFECYCLE_ "timestamp", A_LIFECYCLE_TIME},
    {NAME_ANNOTATION, O_ "role-size", A_ROLE_SIZE},
    {NAME_ANNOTATION, A_V1_EXCLUSIVE_TOPOLOGY, A_EXCLUSIVE_TOPOLOGY},
    {NAME_ANNOTATION, O_ "disable-exclusive-topology", A_DISABLE_EXCLUSIVE},
    {NAME_ANNOTATION, O_ "discovery-config-mode", A_DISCOVERY_MODE},
    {NAME_ANNOTATION, "instance." O_ "pattern", A_PATTERN},
};

const struct name_old *names_old(size_t *n) {
    *n = sizeof old_rows / sizeof *old_rows;
    return old_rows;
}

const struct name_old *name_old(const char *key) {
    for (size_t i = 0; i < sizeof old_rows / sizeof *old_rows; i++) {
        const char *name = old_rows[i].name;
        bool prefix = str_has_suffix(name, "-");
        if (prefix ? str_has_prefix(key, name) : str_eq(key, name)) return &old_rows[i];
    }
    return NULL;
}

const struct name_info *names_table(size_t *n) {
    *n = sizeof rows / sizeof *rows;
    return rows;
}
