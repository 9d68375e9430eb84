#include "cli/remote/admin_call.h"

#include <utility>

#include "cli/server_choice.h"

namespace cli {

absl::StatusOr<Connection> ConnectForAdmin(const std::string& asked_for) {
  absl::StatusOr<std::optional<ServerChoice>> choice = ChooseServer(asked_for);
  if (!choice.ok()) return choice.status();
  if (!*choice) return absl::NotFoundError("which collector is to be asked? --server is missing");
  return Connection::Open(**std::move(choice));
}

}  // namespace cli
