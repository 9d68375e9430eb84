#include "cli/open_source.h"

#include <optional>
#include <utility>

#include "cli/remote/remote_source.h"
#include "cli/server_choice.h"
#include "cli/store_source.h"
#include "cli/surroundings.h"

namespace cli {

absl::StatusOr<std::unique_ptr<Source>> OpenSource(const std::string& store,
                                                   const std::string& server) {
  if (store.empty()) {
    absl::StatusOr<std::optional<ServerChoice>> choice = ChooseServer(server);
    if (!choice.ok()) return choice.status();
    if (*choice) {
      absl::StatusOr<Connection> connection = Connection::Open(**std::move(choice));
      if (!connection.ok()) return connection.status();
      return std::make_unique<RemoteSource>(*std::move(connection));
    }
  }
  absl::StatusOr<std::string> found = FindStore(store);
  if (!found.ok()) return found.status();
  return std::make_unique<StoreSource>(*std::move(found));
}

}  // namespace cli
