// The way to a collector: gRPC over TLS, or through a unix socket.

#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/server_choice.h"
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

namespace cli {

// Makes gRPC speak TLS 1.3 only, and nothing to people. To be called before it is used.
void PrepareGrpc();

class Connection {
 public:
  // Reads the files of the configuration. Does not connect yet: the first call does. Fails, with
  // the name of the file or of the key, if one is missing or cannot be used.
  static absl::StatusOr<Connection> Open(ServerChoice choice);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const ServerChoice& choice() const { return choice_; }

  // To be called before each call: shows who we are.
  void Prepare(grpc::ClientContext* context) const;

  // How a call has ended, in one line for whoever has asked. Without a connection the code is
  // kUnavailable.
  absl::Status StatusOf(const grpc::Status& status) const;

 private:
  explicit Connection(ServerChoice choice) : choice_(std::move(choice)) {}

  ServerChoice choice_;
  std::string token_;  // Empty: none.
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace cli
