#ifndef CK_PAUSE_H
#define CK_PAUSE_H

/// Tells the core that this is a spin loop: saves power and the sibling thread's issue slots.
static inline void ck_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
