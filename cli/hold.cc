#include "cli/hold.h"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/exit_status.h"
#include "cli/remote/admin_call.h"
#include "cli/store.h"
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "api/hold_message.h"
#include "query/escape.h"
#include "query/utc_time.h"
#include "storage/event_store.h"

namespace cli {

namespace {

using auspex::v1::AdminService;
using Json = nlohmann::ordered_json;
using Holds = std::vector<storage::Hold>;

constexpr uint64_t kNoEnd = std::numeric_limits<uint64_t>::max();

std::string Shown(std::string_view text) {
  std::string shown;
  query::AppendWithoutControls(text, query::EscapeMode::kTty, &shown);
  return shown;
}

void Print(const Holds& holds) {
  for (const storage::Hold& hold : holds) {
    const std::string from = hold.from_ms == 0 ? "the first" : query::UtcTimeText(hold.from_ms);
    const std::string to = hold.to_ms == kNoEnd ? "the last" : query::UtcTimeText(hold.to_ms);
    std::cout << absl::StrFormat("%5d  hosts %s, from %s to %s: %s (%s, %s)\n", hold.id,
                                 Shown(hold.host_pattern), from, to, Shown(hold.reason),
                                 Shown(hold.placed_by), query::UtcTimeText(hold.placed_ms));
  }
}

void PrintJson(const Holds& holds) {
  for (const storage::Hold& hold : holds) {
    Json json = {{"id", hold.id}, {"host", hold.host_pattern}};
    if (hold.from_ms > 0) json["from"] = query::UtcTimeText(hold.from_ms);
    if (hold.to_ms != kNoEnd) json["to"] = query::UtcTimeText(hold.to_ms);
    json["reason"] = hold.reason;
    json["placed_by"] = hold.placed_by;
    json["placed"] = query::UtcTimeText(hold.placed_ms);
    std::cout << json.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
}

absl::StatusOr<Holds> HoldsOfCollector(const std::string& server) {
  const absl::StatusOr<Connection> connection = ConnectForAdmin(server);
  if (!connection.ok()) return connection.status();
  auspex::v1::ListHoldsResponse response;
  const absl::Status called = CallAdmin(*connection, &AdminService::Stub::ListHolds, {}, &response);
  if (!called.ok()) return called;
  Holds holds;
  for (const auspex::v1::Hold& hold : response.holds()) holds.push_back(api::HoldOf(hold));
  return holds;
}

absl::StatusOr<Holds> HoldsOfStore(const std::string& store) {
  const auto opened = storage::EventStore::OpenForReading(store);
  if (!opened.ok()) return opened.status();
  return (*opened)->Holds();
}

struct HoldArguments {
  std::string store;
  std::string server;
  std::string format = "text";
  std::string from;
  std::string to;
  auspex::v1::AddHoldRequest added;
  auspex::v1::RemoveHoldRequest removed;
};

absl::Status Add(HoldArguments arguments) {
  if (!arguments.from.empty()) {
    const absl::StatusOr<uint64_t> from_ms = ParseExportTime(arguments.from);
    if (!from_ms.ok()) return from_ms.status();
    arguments.added.set_from_ms(*from_ms);
  }
  if (!arguments.to.empty()) {
    const absl::StatusOr<uint64_t> to_ms = ParseExportTime(arguments.to);
    if (!to_ms.ok()) return to_ms.status();
    if (*to_ms <= arguments.added.from_ms()) {
      return absl::InvalidArgumentError("--to is not behind --from");
    }
    arguments.added.set_to_ms(*to_ms - 1);
  }
  const absl::StatusOr<Connection> connection = ConnectForAdmin(arguments.server);
  if (!connection.ok()) return connection.status();
  auspex::v1::AddHoldResponse response;
  const absl::Status called =
      CallAdmin(*connection, &AdminService::Stub::AddHold, arguments.added, &response);
  if (!called.ok()) return called;
  Print({api::HoldOf(response.hold())});
  if (response.hosts() == 0) {
    std::cerr << "warning: it matches no host that is known\n";
  } else {
    std::cout << absl::StrFormat("it matches %d %s\n", response.hosts(),
                                 response.hosts() == 1 ? "host" : "hosts");
  }
  return absl::OkStatus();
}

absl::Status List(const HoldArguments& arguments) {
  const absl::StatusOr<Holds> holds =
      arguments.store.empty() ? HoldsOfCollector(arguments.server) : HoldsOfStore(arguments.store);
  if (!holds.ok()) return holds.status();
  arguments.format == "json" ? PrintJson(*holds) : Print(*holds);
  return absl::OkStatus();
}

}  // namespace

int HoldCommand(int argc, char** argv) {
  HoldArguments arguments;
  CLI::App app("What nobody may delete, however old it is", "auspex hold");
  app.require_subcommand(1);
  CLI::App* const add = app.add_subcommand("add", "Place a hold");
  CLI::App* const list = app.add_subcommand("list", "List the holds");
  CLI::App* const remove = app.add_subcommand("remove", "Take a hold away");
  add->add_option("--host", *arguments.added.mutable_host_pattern(),
                  "Hosts whose name matches the shell pattern")
      ->required();
  add->add_option("--from", arguments.from,
                  "Events from this time on: 2026-11-24, 2026-11-24T12:00:00Z");
  add->add_option("--to", arguments.to, "Events before this time");
  add->add_option("--reason", *arguments.added.mutable_reason(), "Why")->required();
  CLI::Option* const store = list->add_option("--store", arguments.store, "A store");
  list->add_option("--format", arguments.format, "text, or json: a line for each hold")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  uint64_t id = 0;
  remove->add_option("ID", id, "The hold")->required();
  remove->add_option("--reason", *arguments.removed.mutable_reason(),
                     "For the collector's own records");
  for (CLI::App* const command : {add, list, remove}) {
    CLI::Option* const server = command->add_option("--server", arguments.server, kServerHelp);
    if (command == list) server->excludes(store);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // Also --help.
    return app.exit(error) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  if (add->parsed()) return ExitStatus("auspex hold add", Add(arguments));
  if (list->parsed()) return ExitStatus("auspex hold list", List(arguments));
  arguments.removed.set_id(id);
  using namespace auspex::v1;  // The messages.
  return ExitStatus("auspex hold remove",
                    TellAdmin<RemoveHoldRequest, RemoveHoldResponse>(
                        arguments.server, &AdminService::Stub::RemoveHold, arguments.removed));
}

}  // namespace cli
