#if defined(__x86_64__)
#include "internal.h"
#endif
