#include "cli/remote/collector.h"

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/str_format.h"
#include "cli/exit_status.h"
#include "cli/remote/admin_call.h"
#include "cli/remote/connection.h"
#include <CLI/CLI.hpp>
#include <google/protobuf/util/json_util.h>

#include "api/status_text.h"
#include "proto/auspex/v1/admin.grpc.pb.h"

namespace cli {

namespace {

using auspex::v1::AdminService;

absl::Status PrintStatus(const std::string& server, const auspex::v1::StatusRequest& request,
                         const std::string& format) {
  const absl::StatusOr<Connection> connection = ConnectForAdmin(server);
  if (!connection.ok()) return connection.status();
  auspex::v1::StatusResponse status;
  const absl::Status called = CallAdmin(*connection, &AdminService::Stub::Status, request, &status);
  if (!called.ok()) return called;
  if (format == "json") {
    std::string json;
    google::protobuf::util::JsonPrintOptions options;
    options.always_print_primitive_fields = true;
    options.preserve_proto_field_names = true;
    const auto printed = google::protobuf::util::MessageToJsonString(status, &json, options);
    if (!printed.ok()) return absl::DataLossError("the collector's answer is not UTF-8");
    std::cout << json << '\n';
    return absl::OkStatus();
  }
  std::cout << absl::StrFormat("collector     %s\n", connection->choice().address)
            << api::StatusText(status);
  return absl::OkStatus();
}

absl::Status WriteState(const std::string& server) {
  const auto written = AskAdmin<auspex::v1::WriteStateRequest, auspex::v1::WriteStateResponse>(
      server, &AdminService::Stub::WriteState);
  if (written.ok()) std::cout << written->path() << '\n';
  return written.status();
}

}  // namespace

int Status(int argc, char** argv) {
  std::string server;
  std::string format = "text";
  uint32_t largest_hosts = 0;
  CLI::App app("Tells how a collector is doing", "auspex status");
  app.add_option("--server", server, kServerHelp);
  app.add_option("--largest", largest_hosts, "So many hosts, of those that take most of the store")
      ->check(CLI::Range(0, 1000));
  app.add_option("--format", format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // Also --help.
    return app.exit(error) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }
  auspex::v1::StatusRequest request;
  request.set_largest_hosts(largest_hosts);
  return ExitStatus("auspex status", PrintStatus(server, request, format));
}

int Server(int argc, char** argv) {
  std::string server;
  auspex::v1::SuspendRequest suspension;
  auspex::v1::StopRequest end;
  CLI::App app("Tells a collector what to do", "auspex server");
  app.require_subcommand(1);
  CLI::App* const reload = app.add_subcommand("reload", "Read its configuration again");
  CLI::App* const seal = app.add_subcommand("seal", "Begin to move what is in memory into blocks");
  CLI::App* const suspend = app.add_subcommand(
      "suspend",
      "Take nothing in until it is resumed, or restarted; answer questions all the same");
  CLI::App* const resume = app.add_subcommand("resume", "Take records in again");
  CLI::App* const state = app.add_subcommand("state", "Write how it is doing into its state file");
  CLI::App* const stop = app.add_subcommand("stop", "End in good order");
  for (CLI::App* const command : {reload, seal, suspend, resume, state, stop}) {
    command->add_option("--server", server, kServerHelp);
  }
  suspend->add_option("--reason", *suspension.mutable_reason(), "For the collector's own records");
  stop->add_option("--reason", *end.mutable_reason(), "For the collector's own records");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
  }

  using Stub = AdminService::Stub;
  using namespace auspex::v1;  // The messages.
  const auto done = [](const CLI::App* command, const absl::Status& status) {
    return ExitStatus("auspex server " + command->get_name(), status);
  };
  if (reload->parsed()) {
    return done(reload, TellAdmin<ReloadRequest, ReloadResponse>(server, &Stub::Reload));
  }
  if (seal->parsed()) return done(seal, TellAdmin<SealRequest, SealResponse>(server, &Stub::Seal));
  if (suspend->parsed()) {
    return done(suspend,
                TellAdmin<SuspendRequest, SuspendResponse>(server, &Stub::Suspend, suspension));
  }
  if (state->parsed()) {
    return done(state, WriteState(server));
  }
  if (stop->parsed())
    return done(stop, TellAdmin<StopRequest, StopResponse>(server, &Stub::Stop, end));
  return done(resume, TellAdmin<ResumeRequest, ResumeResponse>(server, &Stub::Resume));
}

}  // namespace cli
