#include "cli/retention.h"

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "cli/exit_status.h"
#include "cli/remote/admin_call.h"
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "api/hold_message.h"
#include "base/small_file.h"
#include "storage/event_store.h"

namespace cli {

namespace {

using auspex::v1::AdminService;
using Json = nlohmann::ordered_json;
using Effects = std::vector<storage::RuleEffect>;

struct RetentionArguments {
  std::string store;
  std::string server;
  std::string file;  // Empty: the policy in force.
  std::string format = "text";
};

// Wrong files are told with their names, wherever they are read in the end.
absl::StatusOr<std::string> ReadPolicy(const std::string& file) {
  absl::StatusOr<std::string> text =
      base::ReadSmallFile(file, storage::kPolicyBytesMax + 1, /*may_wait=*/true);
  if (!text.ok()) return text;
  const absl::Status parsed = storage::ParseRetentionPolicy(*text, file).status();
  return parsed.ok() ? text : parsed;
}

absl::StatusOr<Effects> PreviewOfCollector(const RetentionArguments& arguments) {
  auspex::v1::PreviewRetentionRequest request;
  if (!arguments.file.empty()) {
    absl::StatusOr<std::string> policy = ReadPolicy(arguments.file);
    if (!policy.ok()) return policy.status();
    request.set_policy(*std::move(policy));
  }
  const absl::StatusOr<Connection> connection = ConnectForAdmin(arguments.server);
  if (!connection.ok()) return connection.status();
  auspex::v1::PreviewRetentionResponse response;
  const absl::Status called = CallAdmin(*connection, &AdminService::Stub::PreviewRetention, request,
                                        &response, std::nullopt);
  if (!called.ok()) return called;
  Effects effects;
  for (const auto& effect : response.effects()) effects.push_back(api::EffectOf(effect));
  return effects;
}

absl::StatusOr<Effects> PreviewOfStore(const RetentionArguments& arguments) {
  if (arguments.file.empty()) {
    return absl::InvalidArgumentError("--file is required with --store");
  }
  const absl::StatusOr<std::string> text = ReadPolicy(arguments.file);
  if (!text.ok()) return text.status();
  const absl::StatusOr<storage::RetentionPolicy> policy =
      storage::ParseRetentionPolicy(*text, arguments.file);
  if (!policy.ok()) return policy.status();
  const auto store = storage::EventStore::OpenForReading(arguments.store);
  if (!store.ok()) return store.status();
  return (*store)->PreviewRetention(*policy, {});
}

void Print(const Effects& effects) {
  size_t width = 4;
  for (const storage::RuleEffect& effect : effects) width = std::max(width, effect.rule.size());
  const int name_width = static_cast<int>(width);
  std::cout << absl::StrFormat("%-*s  %8s  %9s  %12s  %12s  %15s  %14s  %12s  %15s\n", name_width,
                               "rule", "hosts", "host-days", "events", "records", "bytes",
                               "held host-days", "held events", "held bytes");
  for (const storage::RuleEffect& effect : effects) {
    std::cout << absl::StrFormat("%-*s  %8d  %9d  %12d  %12d  %15d  %14d  %12d  %15d\n", name_width,
                                 effect.rule, effect.hosts, effect.host_days, effect.events,
                                 effect.records, effect.bytes, effect.held_host_days,
                                 effect.held_events, effect.held_bytes);
  }
}

void PrintJson(const Effects& effects) {
  for (const storage::RuleEffect& effect : effects) {
    const Json json = {{"rule", effect.rule},
                       {"hosts", effect.hosts},
                       {"host_days", effect.host_days},
                       {"events", effect.events},
                       {"records", effect.records},
                       {"bytes", effect.bytes},
                       {"held_host_days", effect.held_host_days},
                       {"held_events", effect.held_events},
                       {"held_bytes", effect.held_bytes}};
    std::cout << json.dump() << '\n';
  }
}

absl::Status Preview(const RetentionArguments& arguments) {
  const absl::StatusOr<Effects> effects =
      arguments.store.empty() ? PreviewOfCollector(arguments) : PreviewOfStore(arguments);
  if (!effects.ok()) return effects.status();
  arguments.format == "json" ? PrintJson(*effects) : Print(*effects);
  return absl::OkStatus();
}

}  // namespace

int RetentionCommand(int argc, char** argv) {
  RetentionArguments arguments;
  CLI::App app("What is kept, and for how long", "auspex retention");
  app.require_subcommand(1);
  CLI::App* const preview =
      app.add_subcommand("preview", "Tell what each rule would delete now; delete nothing");
  CLI::App* const apply = app.add_subcommand("apply", "Have a collector begin to apply its policy");
  CLI::App* const check = app.add_subcommand("check", "Tell what is wrong with a file of rules");
  preview->add_option("--file", arguments.file,
                      "A file of rules (default: that which the collector has in force)");
  CLI::Option* const store = preview->add_option("--store", arguments.store, "A store");
  preview->add_option("--server", arguments.server, kServerHelp)->excludes(store);
  preview->add_option("--format", arguments.format, "text, or json: a line for each rule")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  apply->add_option("--server", arguments.server, kServerHelp);
  check->add_option("FILE", arguments.file, "The file")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // Also --help.
    return app.exit(error) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  if (preview->parsed()) return ExitStatus("auspex retention preview", Preview(arguments));
  if (check->parsed()) {
    return ExitStatus("auspex retention check", ReadPolicy(arguments.file).status());
  }
  using namespace auspex::v1;  // The messages.
  return ExitStatus("auspex retention apply",
                    TellAdmin<ApplyRetentionRequest, ApplyRetentionResponse>(
                        arguments.server, &AdminService::Stub::ApplyRetention));
}

}  // namespace cli
