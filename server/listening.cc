#include "server/listening.h"

#include <algorithm>
#include <iterator>
#include <sys/socket.h>
#include <utility>

#include "absl/cleanup/cleanup.h"

namespace server {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Acceptor = std::shared_ptr<tcp::acceptor>;

Acceptors Without(const Acceptors& all, const Acceptors& others) {
  Acceptors rest;
  std::ranges::copy_if(all, std::back_inserter(rest), [&](const Acceptor& acceptor) {
    return std::ranges::find(others, acceptor) == others.end();
  });
  return rest;
}

}  // namespace

void CloseAll(const Acceptors& acceptors) {
  boost::system::error_code ignored;  // Nothing is left to do about a socket we abandon.
  for (const Acceptor& acceptor : acceptors) acceptor->close(ignored);
}

absl::StatusOr<Listening::Move> Listening::Prepare(asio::io_context& network,
                                                   const ListeningPlace& place) const {
  Move move;
  move.place_ = place;
  if (!place.port) return move;
  // One address and all of them can be had at the same port only by sockets that share it. They
  // share it as long as it takes: nobody else is to have it.
  for (const Acceptor& acceptor : acceptors_) SetShared(*acceptor, true);
  const absl::Cleanup alone = [this] {
    for (const Acceptor& acceptor : acceptors_) SetShared(*acceptor, false);
  };
  for (const Endpoint& wanted : EndpointsOf(place.addresses, *place.port)) {
    Acceptor acceptor = Find(wanted);
    if (acceptor == nullptr) {
      const bool is_ours = std::ranges::any_of(
          endpoints_, [&](const Endpoint& ours) { return ours.port() == wanted.port(); });
      absl::StatusOr<Acceptor> opened =
          ListenOn(network, wanted, {.queue = place.queue, .may_share = is_ours});
      if (!opened.ok()) return opened.status();
      acceptor = *std::move(opened);
    }
    move.acceptors_.push_back(std::move(acceptor));
  }
  return move;
}

// The socket that listens there already; null if there is none. Who wants any port has it, if that
// is what was wanted before.
Acceptor Listening::Find(const Endpoint& wanted) const {
  for (size_t i = 0; i < acceptors_.size(); ++i) {
    if (endpoints_[i].address() != wanted.address()) continue;
    const bool any_will_do = wanted.port() == 0 && place_.port == 0;
    if (any_will_do || wanted.port() == endpoints_[i].port()) return acceptors_[i];
  }
  return nullptr;
}

Listening::Changed Listening::Take(Move move) {
  Changed changed{.opened = Without(move.acceptors_, acceptors_),
                  .closed = Without(acceptors_, move.acceptors_)};
  for (const Acceptor& acceptor : Without(move.acceptors_, changed.opened)) {
    if (move.place_.queue == place_.queue) break;
    listen(acceptor->native_handle(), move.place_.queue);  // A wish in any case.
  }
  place_ = std::move(move.place_);
  acceptors_ = std::move(move.acceptors_);
  endpoints_ = EndpointsOf(acceptors_);
  return changed;
}

}  // namespace server
