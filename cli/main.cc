// auspex: the operator's command. See auspex(1).

#include <clocale>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/search.h"
#include "cli/send.h"
#include <CLI/CLI.hpp>

namespace {

constexpr std::string_view kUsage =
    "usage: auspex COMMAND [OPTION...]\n"
    "\n"
    "  search   find events in a store, with the options of ausearch(8)\n"
    "  send     play a file of records to a collector, as audisp-remote does\n"
    "\n"
    "auspex COMMAND --help tells more. See auspex(1).\n";

int RunSend(int argc, char** argv) {
  cli::SendOptions options;
  std::string file;
  CLI::App app("Plays a file of records to a collector, as audisp-remote does", "auspex send");
  app.add_option("--to", options.host, "The collector")->capture_default_str();
  app.add_option("--port", options.port, "Its port")->capture_default_str();
  app.add_option("FILE", file, "One record a line; - for standard input")->required();
  CLI11_PARSE(app, argc, argv);

  std::ifstream stream;
  if (file != "-") stream.open(file);
  if (file != "-" && !stream) {
    std::cerr << "auspex send: cannot read " << file << '\n';
    return EXIT_FAILURE;
  }
  const absl::StatusOr<uint64_t> sent = cli::Send(file == "-" ? std::cin : stream, options);
  if (!sent.ok()) {
    std::cerr << "auspex send: " << file << ": " << std::string(sent.status().message()) << '\n';
    return EXIT_FAILURE;
  }
  std::cout << *sent << " records acknowledged\n";
  return EXIT_SUCCESS;
}

int Run(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "search") {
    const std::vector<std::string_view> arguments(argv + 2, argv + argc);
    return cli::Search(arguments);
  }
  if (command == "send") return RunSend(argc - 1, argv + 1);
  if (command == "--version") {
    std::cout << "auspex " AUSPEX_VERSION "\n";
    return EXIT_SUCCESS;
  }
  if (command == "--help" || command == "-h" || command == "help") {
    std::cout << kUsage;
    return EXIT_SUCCESS;
  }
  if (!command.empty()) std::cerr << "auspex: unknown command " << command << '\n';
  std::cerr << kUsage;
  return EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  std::setlocale(LC_TIME, "");  // Dates are read in the form that the user writes them in.
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "auspex: unexpected: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}
