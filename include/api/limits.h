/* How large things may be: the maximum of each number that becomes objects, said once. The schema, admission, the controllers and
 * the reference page read it here (docs/limits.md). As text too, because bounds of the field tables are texts. */
#ifndef RBG_API_LIMITS_H
#define RBG_API_LIMITS_H

#define LIMIT_TEXT_(n) #n
#define LIMIT_TEXT(n) LIMIT_TEXT_(n)

#define PODS_MAX 10000       /* of a group, and so of a role, a set of instances, an instance */
#define GROUPS_MAX 1000      /* of a set of groups; a reconcile looks at all of them */
#define ROLES_MAX 256        /* of a group */
#define TEMPLATES_MAX 256    /* role templates of a group */
#define COMPONENTS_MAX 256   /* of a role, of an instance */
#define CONFIGMAP_MAX 1000000  /* bytes of the discovery file: an API server takes 1 MiB of data with its keys */
#define CREATES_MAX 500        /* objects that one pass makes; the next pass follows when they have been seen */
#define ROLE_NAME_MAX 49     /* "role-revision-<role>" is the name part of a label key, which may have 63 characters */
#define DNS_LABEL_MAX 63    /* what becomes part of the name of a pod or Service */

#endif
