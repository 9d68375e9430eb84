// Calls of AdminService (proto/auspex/v1/admin.proto).

#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/remote/connection.h"
#include <grpcpp/client_context.h>

#include "proto/auspex/v1/admin.grpc.pb.h"

namespace cli {

// For --help.
inline constexpr char kServerHelp[] = "The collector: HOST:PORT, or unix:PATH";

// Most of what an admin asks for is done at once, unless the collector hangs.
inline constexpr std::chrono::seconds kAdminPatience{60};

// The collector that was asked for, or that of ChooseServer(). Fails if there is none.
absl::StatusOr<Connection> ConnectForAdmin(const std::string& asked_for);

template <typename Request, typename Response>
using AdminMethod = grpc::Status (auspex::v1::AdminService::Stub::*)(grpc::ClientContext*,
                                                                     const Request&, Response*);

// How the call has ended. `patience`: how long it may take; as long as it does, if there is none.
template <typename Request, typename Response>
absl::Status CallAdmin(const Connection& connection, AdminMethod<Request, Response> method,
                       const Request& request, Response* response,
                       std::optional<std::chrono::seconds> patience = kAdminPatience) {
  auspex::v1::AdminService::Stub stub(connection.channel());
  grpc::ClientContext context;
  connection.Prepare(&context);
  if (patience) context.set_deadline(std::chrono::system_clock::now() + *patience);
  return connection.StatusOf((stub.*method)(&context, request, response));
}

// A call by itself.
template <typename Request, typename Response>
absl::StatusOr<Response> AskAdmin(const std::string& server, AdminMethod<Request, Response> method,
                                  const Request& request = {}) {
  const absl::StatusOr<Connection> connection = ConnectForAdmin(server);
  if (!connection.ok()) return connection.status();
  Response response;
  const absl::Status called = CallAdmin(*connection, method, request, &response);
  if (!called.ok()) return called;
  return response;
}

// One whose answer is only that it was done.
template <typename Request, typename Response>
absl::Status TellAdmin(const std::string& server, AdminMethod<Request, Response> method,
                       const Request& request = {}) {
  return AskAdmin<Request, Response>(server, method, request).status();
}

}  // namespace cli
