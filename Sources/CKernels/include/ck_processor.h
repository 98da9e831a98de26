#ifndef CK_PROCESSOR_H
#define CK_PROCESSOR_H

#include <stdint.h>

// Where the calling thread runs. In C because Swift's view of the C library has none of these calls.

/// The processor, or -1 where that is not known.
int32_t ck_processor(void);

/// Moves the thread to the lowest processor, of the first 64, that it may use and that is not in `taken` (bit n: processor
/// n). It is not bound to it: the set of those it may use stays as it was.
/// Returns the processor, or -1 if there is none.
int32_t ck_leave_processors(uint64_t taken);

#endif
