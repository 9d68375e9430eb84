#include "server/api/enroll_methods.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "base/log.h"
#include "pki/authority.h"

namespace server {

namespace {

constexpr char kService[] = "auspex.v1.EnrollService";

// What a CA says of its own files is for the log. A stranger hears what is wrong with its request.
absl::Status ForStrangers(const std::string& authority, const absl::Status& status) {
  const std::string message(status.message());
  const std::string prefix = absl::StrCat("CA ", authority, ": ");
  // What the CA says of the request, or of itself, and not of one of its files.
  const bool is_for_strangers =
      absl::StartsWith(message, prefix) &&
      (absl::IsInvalidArgument(status) || absl::IsPermissionDenied(status) ||
       absl::IsResourceExhausted(status));
  if (is_for_strangers) return {status.code(), message.substr(prefix.size())};
  spdlog::error("enroll: {}", message);
  return absl::UnavailableError("the CA of the collector cannot be used");
}

}  // namespace

absl::Status NobodyCanEnroll() {
  return absl::UnimplementedError("the collector has no CA that hosts can enroll with");
}

std::vector<Method> EnrollMethods::All() {
  return {UnaryMethod<auspex::v1::EnrollRequest, auspex::v1::EnrollResponse>(
      kService, "Enroll", Role::kInvited,
      [this](Call& call, const auspex::v1::EnrollRequest& request,
             auspex::v1::EnrollResponse* response) { return Enroll(call, request, response); })};
}

void EnrollMethods::SetAuthority(std::string directory) {
  const std::lock_guard lock(mutex_);
  authority_ = std::move(directory);
}

std::string EnrollMethods::authority() const {
  const std::lock_guard lock(mutex_);
  return authority_;
}

absl::Status EnrollMethods::Enroll(Call& call, const auspex::v1::EnrollRequest& request,
                                   auspex::v1::EnrollResponse* response) {
  if (call.caller.proof != Caller::Proof::kInvitation) {
    return absl::PermissionDeniedError("who has shown no invitation cannot enroll");
  }
  if (!room_.try_acquire()) {
    return absl::ResourceExhaustedError("many hosts enroll at once: try again");
  }
  const absl::Cleanup give_back = [this] { room_.release(); };
  const std::string directory = this->authority();
  if (directory.empty()) return NobodyCanEnroll();
  const auto authority = pki::Authority::Open(directory);
  if (!authority.ok()) return ForStrangers(directory, authority.status());
  auto signed_now = authority->Redeem(call.caller.secret, request.request_pem());
  if (!signed_now.ok()) return ForStrangers(directory, signed_now.status());
  response->set_certificate_pem(std::move(signed_now->certificate_pem));
  response->set_ca_pem(authority->certificate_pem());
  call.results = 1;
  return absl::OkStatus();
}

}  // namespace server
