// OpenMP's threads of the programs that link this (nomo_cc_binary and nomo_cc_test do) hardly spin.
//
// A thread of GNU's OpenMP that has done its share of a loop, or has none, spins for milliseconds
// before it sleeps. Beside other busy processes it then burns the very processor that the last
// thread of its team is waiting for, and a run takes 20 times as long. GOMP_SPINCOUNT ends that,
// but libgomp reads it before main() and before any constructor of ours: setenv() is too late
// there, and too early ahead of it, where libc does not know the environment yet. So the setting
// stands in the place of a variable that no library reads while it is set up, and is gone again
// before main(): neither the program nor those that it starts see it.
//
// Where GOMP_SPINCOUNT or OMP_WAIT_POLICY is set, that holds. A program of yours that does not link
// this has the same by GOMP_SPINCOUNT=1000 in its environment.
#include <unistd.h>

namespace {

char kSetting[] = "GOMP_SPINCOUNT=1000";
constexpr const char* kUserSettings[] = {"GOMP_SPINCOUNT=", "OMP_WAIT_POLICY="};
constexpr const char* kSparePlaces[] = {"_=",       "OLDPWD=", "SHLVL=", "PWD=",   "MAIL=", "TERM=",
                                        "LOGNAME=", "USER=",   "HOME=",  "SHELL=", "PATH="};
char* replaced = nullptr;

// No function of libc is called here: it has not been set up.
bool BeginsWith(const char* text, const char* prefix) {
  while (*prefix != '\0') {
    if (*text++ != *prefix++) return false;
  }
  return true;
}

char** FindVariable(char** environment, const char* name) {
  for (; *environment != nullptr; ++environment) {
    if (BeginsWith(*environment, name)) return environment;
  }
  return nullptr;
}

void PutSetting(int /*argc*/, char** /*argv*/, char** environment) {
  for (const char* name : kUserSettings) {
    if (FindVariable(environment, name) != nullptr) return;
  }
  for (const char* name : kSparePlaces) {
    if (char** place = FindVariable(environment, name); place != nullptr) {
      replaced = *place;
      *place = kSetting;
      return;
    }
  }
}

// Runs ahead of the program's other constructors, and behind those of all libraries.
__attribute__((constructor(101))) void TakeSettingBack() {
  if (replaced == nullptr || environ == nullptr) return;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    if (*variable == kSetting) *variable = replaced;
  }
}

// What the dynamic linker calls ahead of the constructors of any library.
[[gnu::section(".preinit_array"), gnu::used]] void (*const kPreinit)(int, char**,
                                                                     char**) = PutSetting;

}  // namespace
