#include "cli/hosts.h"

#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/exit_status.h"
#include "cli/host_printer.h"
#include "cli/open_source.h"
#include <CLI/CLI.hpp>

#include "storage/host_list.h"

namespace cli {

namespace {

constexpr char kCommand[] = "auspex hosts";

struct HostsArguments {
  std::string store;
  std::string server;
  std::vector<std::string> host_patterns;
  std::string format = "text";
  bool only_lossy = false;
  bool utc = false;
};

bool HasLost(const storage::ListedHost& host) {
  return host.losses && *host.losses != storage::Losses();
}

absl::StatusOr<std::vector<storage::ListedHost>> Find(const HostsArguments& arguments) {
  const absl::StatusOr<std::unique_ptr<Source>> source =
      OpenSource(arguments.store, arguments.server);
  if (!source.ok()) return source.status();
  absl::StatusOr<std::vector<storage::ListedHost>> hosts =
      (*source)->Hosts(arguments.host_patterns);
  if (hosts.ok() && arguments.only_lossy) std::erase_if(*hosts, std::not_fn(HasLost));
  return hosts;
}

}  // namespace

int Hosts(int argc, char** argv) {
  HostsArguments arguments;
  CLI::App app("Lists hosts, what is stored of each, and what it has lost before", kCommand);
  CLI::Option* const store = app.add_option("--store", arguments.store, "The store");
  app.add_option("--server", arguments.server, "The collector: HOST:PORT, or unix:PATH")
      ->excludes(store);
  app.add_option("--host", arguments.host_patterns, "Hosts whose name matches the shell pattern");
  app.add_flag("--lossy", arguments.only_lossy, "Only hosts that have lost something");
  app.add_flag("--utc", arguments.utc, "Times in UTC");
  app.add_option("--format", arguments.format, "text, or json: a line for each host")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // Also --help.
    return app.exit(error) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  const absl::StatusOr<std::vector<storage::ListedHost>> hosts = Find(arguments);
  if (!hosts.ok()) return ExitStatus(kCommand, hosts.status());
  const bool is_json = arguments.format == "json";
  std::cout << (is_json ? HostLines(*hosts)
                        : HostTable(*hosts,
                                    arguments.utc ? absl::UTCTimeZone() : absl::LocalTimeZone()));
  const int status = ExitStatus(kCommand, absl::OkStatus());
  if (status != EXIT_SUCCESS || !hosts->empty()) return status;
  std::cerr << "<no matches>\n";
  return EXIT_FAILURE;
}

}  // namespace cli
