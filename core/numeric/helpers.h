// The threads that help a loop's caller, where OpenMP's would make it wait.
//
// A region of OpenMP's ends when every thread of its team has come to the end, those among them
// that have not had a turn yet: where other processes take the cores, that is a time slice of
// theirs. Here the parts of a loop are claimed one by one, by the caller and by as many helpers as
// happen to run. The caller waits for parts that a helper is computing, never for a helper.
#ifndef NOMOGRAPH_CORE_NUMERIC_HELPERS_H_
#define NOMOGRAPH_CORE_NUMERIC_HELPERS_H_

namespace nomograph::internal {

// A part of a loop: `loop` is the caller's.
using PartFn = void (*)(const void* loop, int part);

// Calls call(loop, part) once for each 0 <= part < parts, on this thread and on up to parts - 1
// helpers, which are started where there are too few, serve all callers of the process, and sleep
// after some microseconds without work. What a part throws is thrown here once the others have
// returned; parts that had not begun by then are left out. The flag "invalid operation" of
// IEEE 754 that a part raises is raised on this thread. REQUIRES: parts > 0.
void RunWithHelpers(int parts, PartFn call, const void* loop);

// From here on this thread runs loops and regions of OpenMP's alone.
void StayOnThisThread();

}  // namespace nomograph::internal

#endif  // NOMOGRAPH_CORE_NUMERIC_HELPERS_H_
