// Executes itself with the next number until that is the last one: exec_storm FIRST LAST. It is as
// small as a program can be, so that the kernel executes programs as fast as it can.

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return EXIT_FAILURE;
  const long number = std::strtol(argv[1], nullptr, 10);
  if (number >= std::strtol(argv[2], nullptr, 10)) return EXIT_SUCCESS;
  char next[24];
  std::snprintf(next, sizeof(next), "%ld", number + 1);
  argv[1] = next;
  execv("/proc/self/exe", argv);
  return EXIT_FAILURE;
}
