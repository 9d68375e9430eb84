// What a call has to do on the network thread.

#pragma once

#include <functional>
#include <stop_token>

#include "absl/status/status.h"
#include <boost/asio/io_context.hpp>

namespace server {

// Does something on the thread of `network`, and waits for it. kCancelled if `stop` is requested
// first: it is done all the same, so what it uses must not end with the call.
absl::Status DoOnNetwork(boost::asio::io_context& network, const std::stop_token& stop,
                         std::function<absl::Status()> action);

}  // namespace server
