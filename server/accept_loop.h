// Accepts what connects to a socket that listens, one connection after the other.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace server {

// After a failure of accept(2), which is mostly a want of descriptors: it would fail again at once.
inline constexpr std::chrono::milliseconds kAcceptPause{100};

// Gives each connection to `admit`, until the acceptor is closed. Calls `failed` when one cannot be
// accepted, and then pauses. Both are called on the acceptor's thread.
template <typename Acceptor>
boost::asio::awaitable<void> AcceptUntilClosed(
    std::shared_ptr<Acceptor> acceptor,
    std::function<void(typename Acceptor::protocol_type::socket)> admit,
    std::function<void(const boost::system::error_code&)> failed) {
  namespace asio = boost::asio;
  while (acceptor->is_open()) {
    boost::system::error_code error;
    typename Acceptor::protocol_type::socket socket =
        co_await acceptor->async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!acceptor->is_open()) co_return;
    if (!error) {
      admit(std::move(socket));
      continue;
    }
    failed(error);
    asio::steady_timer pause(acceptor->get_executor(), kAcceptPause);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

}  // namespace server
