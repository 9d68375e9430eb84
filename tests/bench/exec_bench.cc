// exec_bench: makes a host do what is audited: starts programs.
//
//   exec_bench --count N [--rate R] [--program /bin/true]
//
// Prints "ready" and waits for a line on its standard input: a rule can then name it as the parent.
// Starts the program N times, one after the other, R times a second or as fast as it can, and
// prints how long that took. It does little else: what it costs itself would be taken from those
// measured.
//
// The pauses are random (exponential, of a fixed seed): the kernel tells user time from system time
// by looking at each tick of its clock, and what is in step with the clock it sees always or never.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  uint64_t count = 0;
  double rate = 0;  // A second; 0: as fast as it can.
  std::string program = "/bin/true";
};

bool RunProgram(const std::string& program) {
  char* const arguments[] = {const_cast<char*>(program.c_str()), nullptr};
  pid_t pid = -1;
  if (posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, nullptr) != 0) return false;
  int status = -1;
  return waitpid(pid, &status, 0) == pid && status == 0;
}

int Run(const Options& options) {
  // A timer of the default slack, 50 us, is good enough for programs of half a millisecond.
  std::minstd_rand random(1);
  std::exponential_distribution<double> pause(options.rate > 0 ? options.rate : 1);
  std::puts("ready");
  std::fflush(stdout);
  if (std::getchar() == EOF) return EXIT_FAILURE;

  const Clock::time_point began = Clock::now();
  auto at = began;
  for (uint64_t i = 0; i < options.count; ++i) {
    if (options.rate > 0) {
      at +=
          std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(pause(random)));
      std::this_thread::sleep_until(at);
    }
    if (RunProgram(options.program)) continue;
    std::fprintf(stderr, "cannot run %s\n", options.program.c_str());
    return EXIT_FAILURE;
  }
  std::printf("%.6f\n", std::chrono::duration<double>(Clock::now() - began).count());
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--count") options.count = std::strtoull(argv[i + 1], nullptr, 10);
    if (name == "--rate") options.rate = std::strtod(argv[i + 1], nullptr);
    if (name == "--program") options.program = argv[i + 1];
  }
  if (options.count == 0) {
    std::fprintf(stderr, "usage: exec_bench --count N [--rate R] [--program FILE]\n");
    return 2;
  }
  return Run(options);
}
