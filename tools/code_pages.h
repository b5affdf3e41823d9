// Memory that a program's own code takes.
#ifndef NOMOGRAPH_TOOLS_CODE_PAGES_H_
#define NOMOGRAPH_TOOLS_CODE_PAGES_H_

namespace nomograph {

// Gives back the memory of the code and the constants of the program and of its libraries; what is
// needed again is read again, from the files or where the system still has them. Worth while behind
// the start of a program that registers much, before it does what takes time: few of the functions
// that register are needed then. Nothing happens while a debugger is at work, whose breakpoints are
// in that memory, nor on systems other than Linux.
void GiveBackCodePages();

}  // namespace nomograph

#endif  // NOMOGRAPH_TOOLS_CODE_PAGES_H_
