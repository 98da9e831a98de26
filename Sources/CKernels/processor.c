// For `sched_getcpu` and the calls beside it.
#define _GNU_SOURCE

#include "ck_processor.h"

#if defined(__linux__)

#include <sched.h>
#include <string.h>

int32_t ck_processor(void) { return sched_getcpu(); }

int32_t ck_leave_processors(uint64_t taken) {
    cpu_set_t allowed, target;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return -1;
    for (int32_t processor = 0; processor < 64; processor++) {
        if ((taken >> processor & 1) != 0 || !CPU_ISSET(processor, &allowed)) continue;
        CPU_ZERO(&target);
        CPU_SET(processor, &target);
        if (sched_setaffinity(0, sizeof target, &target) != 0) return -1;
        // Held there for this moment only; nothing else sets this thread's own set meanwhile. If what it was allowed has
        // just been taken from the whole process, everything is asked for, which the system cuts to what is left.
        if (sched_setaffinity(0, sizeof allowed, &allowed) != 0) {
            memset(&target, 0xff, sizeof target);
            sched_setaffinity(0, sizeof target, &target);
        }
        return processor;
    }
    return -1;
}

#else

int32_t ck_processor(void) { return -1; }

int32_t ck_leave_processors(uint64_t taken) {
    (void)taken;
    return -1;
}

#endif
