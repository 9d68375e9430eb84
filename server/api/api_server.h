// The API: gRPC over TLS 1.3, for callers with a certificate, and through a unix socket, for the
// operators of this machine; and the JSON door.
//
// What its options say can be changed while it serves: a change is prepared, and then taken or
// dropped. Nothing of it ends a connection, but callers that may not do any more what they do.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "server/api/access.h"
#include "server/api/admin_methods.h"
#include "server/api/admin_service.h"
#include "server/api/caller.h"
#include "server/api/calls.h"
#include "server/api/credential_files.h"
#include "server/api/credentials.h"
#include "server/api/enroll_methods.h"
#include "server/api/enroll_service.h"
#include "server/api/grpc_call.h"
#include "server/api/grpc_callers.h"
#include "server/api/grpc_port.h"
#include "server/api/grpc_server.h"
#include "server/api/ingest_service.h"
#include "server/api/json_door.h"
#include "server/api/local_callers.h"
#include "server/api/local_socket.h"
#include "server/api/method.h"
#include "server/api/query_methods.h"
#include "server/api/query_service.h"
#include "server/api/store_methods.h"
#include "server/config.h"

namespace server {

struct ApiLimits {
  IngestLimits ingest;
  CallLimits calls;
  QueryLimits query;
  JsonLimits json;

  // How often the files of TLS, tokens, invitations and revoked certificates are looked at.
  std::chrono::milliseconds credential_refresh{1'000};
};

// Makes gRPC speak TLS 1.3 only, and through our log. Call once, from main(), before gRPC is used
// and before there are threads.
void PrepareGrpc();

// Belongs to the network thread.
class ApiServer {
 public:
  // All must outlive the server. The network must run until Stop() has returned.
  ApiServer(boost::asio::io_context& network, storage::EventStore& store, Committer& committer,
            OwnRecords& own_records, Counters& counters, HostSessions& host_sessions,
            Quotas& quotas, const ApiOptions& options, const ApiLimits& limits,
            AdminActions actions);
  ~ApiServer();

  // Serves from here on; does nothing without api_listen_port, api_json_port and api_socket. A
  // failure names the file, or the address and the port.
  absl::Status Start();

  class Change;

  // Reads and opens all that other options need, or the same ones with what their files hold by
  // then, and changes nothing yet. A failure names the file, or the address and the port.
  absl::StatusOr<Change> Prepare(const ApiOptions& options);

  // Serves by the options that were prepared, and ends the calls that they do not allow any more.
  void Take(Change change);

  // Ends all calls in good order, then all connections. False if some had to be cut off.
  boost::asio::awaitable<bool> Stop();

  // Where it listens, for instance when the kernel chose the port. All have the same one.
  const std::vector<boost::asio::ip::tcp::endpoint>& endpoints() const { return port_.endpoints(); }

  // Likewise, of the JSON door.
  const std::vector<boost::asio::ip::tcp::endpoint>& json_endpoints() const {
    return json_door_.endpoints();
  }

  // What /metrics and Status tell.
  std::vector<Metric> Metrics() const;

  const CallCounters& call_counters() const { return calls_.counters(); }
  const JsonCounters& json_counters() const { return json_door_.counters(); }

 private:
  void WatchCredentials();
  void ShowTls();
  std::string PrometheusText() const;
  std::string HostMetricsText() const;
  std::string ReasonNotReady();
  void Record(const EndedCall& call);
  void EndRevoked();

  boost::asio::io_context& network_;
  const storage::EventStore& store_;
  Committer& committer_;
  OwnRecords& own_records_;
  const Counters& counters_;
  const HostSessions& host_sessions_;
  ApiOptions options_;
  const ApiLimits limits_;
  const std::function<bool()> is_suspended_;
  bool is_watching_ = false;
  bool is_stopping_ = false;
  bool is_trying_store_ = false;  // The committer is about to open it again.
  Access access_;
  Credentials credentials_;
  CredentialFiles credential_files_;
  LocalCallers local_callers_;
  const Callers callers_{access_, credentials_};
  const GrpcCallers grpc_callers_{callers_, local_callers_};
  IngestService ingest_;
  Calls calls_;
  QueryMethods query_methods_;
  AdminMethods admin_methods_;
  StoreMethods store_methods_;
  EnrollMethods enroll_methods_;
  MethodTable methods_;
  GrpcCalls grpc_calls_{calls_, grpc_callers_, methods_};
  QueryService query_service_{grpc_calls_};
  AdminService admin_service_{grpc_calls_};
  EnrollService enroll_service_{grpc_calls_, enroll_methods_};
  const GrpcServerOptions grpc_options_;
  GrpcPort port_;
  std::unique_ptr<GrpcServer> local_server_;  // Null before there is a socket.
  LocalSocket local_socket_;
  JsonDoor json_door_;
};

// All that other options need. It must be taken before another one is prepared, or dropped.
class ApiServer::Change {
 private:
  friend class ApiServer;
  ApiOptions options_;
  AccessRules access_;
  CredentialContents credentials_;
  GrpcPort::Change port_;
  std::unique_ptr<GrpcServer> local_server_;  // With the first socket.
  LocalSocket::Change socket_;
  JsonDoor::Change json_;
};

}  // namespace server
