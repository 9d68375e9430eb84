// auspex: the operator's command. See auspex(1).

#include <clocale>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/ca.h"
#include "cli/exit_status.h"
#include "cli/hold.h"
#include "cli/hosts.h"
#include "cli/import.h"
#include "cli/progress.h"
#include "cli/remote/collector.h"
#include "cli/remote/enroll.h"
#include "cli/report.h"
#include "cli/retention.h"
#include "cli/search.h"
#include "cli/send.h"
#include "cli/store_command.h"
#include "cli/token.h"
#include <CLI/CLI.hpp>

namespace {

constexpr std::string_view kUsage =
    "usage: auspex COMMAND [OPTION...]\n"
    "\n"
    "  search   find events in a store or a collector, with the options of ausearch(8)\n"
    "  report   report on them, with the options of aureport(8)\n"
    "  hosts    list the hosts, what is stored of each, and what it has lost before\n"
    "  import   bring logs that exist into a store\n"
    "  store    a store as a whole: stats, check, export, backup, restore\n"
    "  hold     what nobody may delete: add, list, remove\n"
    "  retention  what is kept, and for how long: preview, apply, check\n"
    "  status   how a collector is doing\n"
    "  server   tell a collector what to do: reload, seal, suspend, resume, state, stop\n"
    "  send     play a file of records to a collector, as audisp-remote does\n"
    "  ca       a private CA for the API: init, issue, invite, revoke, list\n"
    "  enroll   get this host the certificate that it was invited to\n"
    "  token    tokens for readers of the API: create, revoke, list\n"
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

int RunImport(int argc, char** argv) {
  cli::ImportArguments arguments;
  CLI::App app("Brings logs that exist into a store, each of them once", "auspex import");
  app.add_option("--store", arguments.store, "The store, which no auspexd is writing to")
      ->required();
  app.add_option("--host", arguments.host,
                 "The host of records that name no node (default: this machine)");
  app.add_option("FILE", arguments.paths,
                 "Logs, plain or packed by gzip or zstd; - for standard input")
      ->required();
  CLI11_PARSE(app, argc, argv);
  cli::Progress progress(cli::ProgressOnStandardError());
  return cli::ExitStatus("auspex import", cli::Import(arguments, std::cout, progress));
}

int Run(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  if (command == "search") {
    const std::vector<std::string_view> arguments(argv + 2, argv + argc);
    return cli::Search(arguments);
  }
  if (command == "report") {
    const std::vector<std::string_view> arguments(argv + 2, argv + argc);
    return cli::Report(arguments);
  }
  if (command == "hosts") return cli::Hosts(argc - 1, argv + 1);
  if (command == "import") return RunImport(argc - 1, argv + 1);
  if (command == "store") return cli::StoreCommand(argc - 1, argv + 1);
  if (command == "hold") return cli::HoldCommand(argc - 1, argv + 1);
  if (command == "retention") return cli::RetentionCommand(argc - 1, argv + 1);
  if (command == "status") return cli::Status(argc - 1, argv + 1);
  if (command == "server") return cli::Server(argc - 1, argv + 1);
  if (command == "send") return RunSend(argc - 1, argv + 1);
  if (command == "enroll") return cli::Enroll(argc - 1, argv + 1);
  if (command == "ca") return cli::Ca(argc - 1, argv + 1);
  if (command == "token") return cli::Token(argc - 1, argv + 1);
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
