// What ThreadSanitizer must not report: it sees only code that was compiled for it, and the
// system's libraries were not. Linked into every program of a `--config=tsan` build, where the
// sanitizer's runtime finds it by name.
extern "C" const char* __tsan_default_suppressions() {
  return
      // The locks inside, which order the accesses, are not seen.
      "called_from_lib:libdnnl.so\n"
      "called_from_lib:libgomp.so\n"
      "called_from_lib:libprotobuf.so\n"
      // The last reference is dropped, and its memory freed, inside the library; the count is not
      // seen.
      "race:absl::*Status::Unref\n";
}
