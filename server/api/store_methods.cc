#include "server/api/store_methods.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "api/hold_message.h"
#include "base/clock.h"
#include "server/api/network_task.h"
#include "storage/backup.h"

namespace server {

namespace {

using namespace auspex::v1;  // The messages of one service.
namespace fs = std::filesystem;

constexpr char kService[] = "auspex.v1.AdminService";

// A path in its shortest form, without a slash at its end.
fs::path WithoutEnd(const fs::path& path) { return (path.lexically_normal() / "").parent_path(); }

// The directory that is asked for, if it is that of the configuration or below it, as it is
// written: an admin of the API is not to write anywhere else.
absl::StatusOr<std::string> BackupDirectory(const std::string& allowed, const std::string& asked) {
  if (allowed.empty()) {
    return absl::FailedPreconditionError("the collector's configuration has no backup_dir");
  }
  const fs::path base = WithoutEnd(allowed);
  const fs::path wanted = WithoutEnd(base / asked);
  if (std::ranges::mismatch(base, wanted).in1 == base.end()) return wanted.string();
  return absl::InvalidArgumentError(
      absl::StrCat("directory: ", asked, " is not below the collector's backup_dir, ", allowed));
}

}  // namespace

StoreMethods::StoreMethods(boost::asio::io_context& network, storage::EventStore& store,
                           const AdminActions& actions)
    : network_(network), store_(store), actions_(actions) {}

std::vector<Method> StoreMethods::All() {
  Method backup = UnaryMethod<BackupRequest, BackupResponse>(
      kService, "Backup", Role::kAdmin,
      [this](Call& call, const BackupRequest& request, BackupResponse* response) {
        return Backup(call, request, response);
      });
  backup.is_endless = true;  // As far as api_max_time is concerned.
  return {
      std::move(backup),
      UnaryMethod<AddHoldRequest, AddHoldResponse>(
          kService, "AddHold", Role::kAdmin,
          [this](Call& call, const AddHoldRequest& request, AddHoldResponse* response) {
            return AddHold(call, request, response);
          }),
      UnaryMethod<ListHoldsRequest, ListHoldsResponse>(
          kService, "ListHolds", Role::kAdmin,
          [this](Call& call, const ListHoldsRequest&, ListHoldsResponse* response) {
            return ListHolds(call, response);
          }),
      UnaryMethod<RemoveHoldRequest, RemoveHoldResponse>(
          kService, "RemoveHold", Role::kAdmin,
          [this](Call& call, const RemoveHoldRequest& request, RemoveHoldResponse*) {
            return RemoveHold(call, request.id());
          }),
      UnaryMethod<PreviewRetentionRequest, PreviewRetentionResponse>(
          kService, "PreviewRetention", Role::kAdmin,
          [this](Call& call, const PreviewRetentionRequest& request,
                 PreviewRetentionResponse* response) {
            return PreviewRetention(call, request, response);
          }),
      UnaryMethod<ApplyRetentionRequest, ApplyRetentionResponse>(
          kService, "ApplyRetention", Role::kAdmin,
          [this](Call&, const ApplyRetentionRequest&, ApplyRetentionResponse*) {
            return actions_.apply_retention();
          }),
  };
}

absl::Status StoreMethods::AddHold(Call& call, const AddHoldRequest& request,
                                   AddHoldResponse* response) const {
  storage::Hold hold{
      .host_pattern = request.host_pattern(),
      .from_ms = request.from_ms(),
      .to_ms = request.to_ms() > 0 ? request.to_ms() : std::numeric_limits<uint64_t>::max(),
      .reason = request.reason(),
      .placed_by = call.caller.name,
      .placed_ms = base::NowMs()};
  if (hold.reason.empty()) return absl::InvalidArgumentError("hold: no reason");
  const absl::StatusOr<uint64_t> id = store_.AddHold(hold);
  if (!id.ok()) return id.status();
  hold.id = *id;
  call.detail = absl::StrCat("id=", *id);
  api::Fill(hold, response->mutable_hold());
  const auto hosts = store_.ListHosts({.host_patterns = {hold.host_pattern}, .stop = call.stop});
  if (hosts.ok()) response->set_hosts(hosts->hosts.size());  // Else it is placed all the same.
  call.results = 1;
  return absl::OkStatus();
}

absl::Status StoreMethods::RemoveHold(Call& call, uint64_t id) const {
  const absl::StatusOr<std::vector<storage::Hold>> holds = store_.Holds();
  if (!holds.ok()) return holds.status();
  const auto found = std::ranges::find(*holds, id, &storage::Hold::id);
  if (found != holds->end()) {
    call.detail =
        absl::StrFormat("host=%s from_ms=%d to_ms=%d reason=%s placed_by=%s", found->host_pattern,
                        found->from_ms, found->to_ms, found->reason, found->placed_by);
  }
  return store_.RemoveHold(id);
}

absl::Status StoreMethods::ListHolds(Call& call, ListHoldsResponse* response) const {
  const absl::StatusOr<std::vector<storage::Hold>> holds = store_.Holds();
  if (!holds.ok()) return holds.status();
  for (const storage::Hold& hold : *holds) api::Fill(hold, response->add_holds());
  call.results = holds->size();
  return absl::OkStatus();
}

absl::StatusOr<storage::RetentionPolicy> StoreMethods::PolicyOf(
    const PreviewRetentionRequest& request) const {
  if (request.has_policy()) return storage::ParseRetentionPolicy(request.policy(), "policy");
  std::optional<storage::RetentionPolicy> in_force = actions_.retention_policy();
  if (in_force) return *std::move(in_force);
  return absl::FailedPreconditionError("the collector's configuration has no retention_file");
}

absl::Status StoreMethods::PreviewRetention(Call& call, const PreviewRetentionRequest& request,
                                            PreviewRetentionResponse* response) const {
  const absl::StatusOr<storage::RetentionPolicy> policy = PolicyOf(request);
  if (!policy.ok()) return policy.status();
  const auto effects = store_.PreviewRetention(*policy, call.stop);
  if (!effects.ok()) return effects.status();
  for (const storage::RuleEffect& effect : *effects) {
    api::Fill(effect, response->add_effects());
    call.results += effect.events;
  }
  return absl::OkStatus();
}

absl::Status StoreMethods::Backup(Call& call, const BackupRequest& request,
                                  BackupResponse* response) const {
  const auto allowed = std::make_shared<std::string>();
  const absl::Status told = DoOnNetwork(network_, call.stop, [this, allowed] {
    *allowed = actions_.backup_dir();
    return absl::OkStatus();
  });
  if (!told.ok()) return told;
  absl::StatusOr<std::string> directory = BackupDirectory(*allowed, request.directory());
  if (!directory.ok()) return directory.status();
  storage::BackupRequest wanted{.directory = *std::move(directory), .stop = call.stop};
  if (request.keep_count() > 0) wanted.keep_count = request.keep_count();
  const absl::StatusOr<storage::BackupResult> made = store_.Backup(wanted);
  if (!made.ok()) return made.status();
  response->set_directory(wanted.directory);
  response->set_id(made->id);
  response->set_bytes(made->bytes);
  response->set_bytes_new(made->bytes_new);
  response->set_files(made->files);
  response->set_files_new(made->files_new);
  response->mutable_deleted()->Add(made->deleted.begin(), made->deleted.end());
  response->mutable_damaged()->Add(made->damaged.begin(), made->damaged.end());
  call.results = 1;
  return absl::OkStatus();
}

}  // namespace server
