// A thousand agents at once, each with a certificate, a connection and a stream of its own.

#include <algorithm>
#include <deque>
#include <latch>
#include <map>
#include <mutex>
#include <set>
#include <sys/resource.h>

#include <gmock/gmock.h>

#include "pki/authority.h"
#include "tests/server/api/api_fixture.h"

namespace server {
namespace {

using auspex::v1::DeliverRequest;
using auspex::v1::DeliverResponse;

constexpr size_t kAgents = 1000;
constexpr size_t kConnectAtOnce = 50;
constexpr uint64_t kBatches = 4;
constexpr uint32_t kBatchRecords = 5;

// Says Hello, and when it is told to, sends its batches one after the other, the first one first,
// whatever is stored of them. Ends when the last one is acknowledged, or leaves, without a word,
// when so many are.
class FleetAgent : public grpc::ClientBidiReactor<DeliverRequest, DeliverResponse> {
 public:
  FleetAgent(const std::shared_ptr<grpc::Channel>& channel, uint64_t leaves_after,
             std::latch& welcomed, std::latch& ended)
      : stub_(auspex::v1::IngestService::NewStub(channel)),
        leaves_after_(leaves_after),
        welcomed_(welcomed),
        ended_(ended) {
    request_.mutable_hello()->set_boot_id("boot1");
    stub_->async()->Deliver(&context_, this);
    AddHold();  // Until it sends.
    StartWrite(&request_);
    StartCall();
  }

  void Send() {
    SendNext();
    RemoveHold();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      if (!is_welcome_) welcomed_.count_down();  // Send() then lets it end.
      return;
    }
    if (response_.has_welcome()) {
      is_welcome_ = true;
      welcomed_.count_down();
    } else if (leaves_after_ <= response_.ack().number()) {
      context_.TryCancel();
    } else {
      const std::lock_guard lock(mutex_);
      acknowledged_ = response_.ack().number();
      EndIfDone();
    }
    StartRead(&response_);
  }

  void OnWriteDone(bool ok) override {
    // What it sends next has to wait for Hello, and so has what it reads.
    if (request_.has_hello()) return StartRead(&response_);
    if (!ok) return;
    if (request_.batch().number() < kBatches) return SendNext();
    const std::lock_guard lock(mutex_);
    has_sent_all_ = true;
    EndIfDone();
  }

  void OnDone(const grpc::Status& status) override {
    status_ = status;
    ended_.count_down();
  }

  // Once it has ended.
  const grpc::Status& status() const { return status_; }

 private:
  // With mutex_ held. A batch that was stored before is acknowledged with all behind it.
  void EndIfDone() {
    if (has_ended_ || !has_sent_all_ || acknowledged_ < kBatches) return;
    has_ended_ = true;
    StartWritesDone();
  }

  void SendNext() {
    const uint64_t number = request_.batch().number() + 1;
    request_.Clear();
    auspex::v1::Batch& batch = *request_.mutable_batch();
    batch.set_number(number);
    batch.set_follows(number - 1);
    for (uint32_t i = 0; i < kBatchRecords; ++i) {
      batch.add_records(absl::StrFormat("type=USER_LOGIN msg=audit(1626611363.000:%d): pid=7",
                                        number * kBatchRecords + i));
    }
    StartWrite(&request_);
  }

  grpc::ClientContext context_;
  const std::unique_ptr<auspex::v1::IngestService::Stub> stub_;
  const uint64_t leaves_after_;
  std::latch& welcomed_;
  std::latch& ended_;
  DeliverRequest request_;
  DeliverResponse response_;
  bool is_welcome_ = false;
  grpc::Status status_;

  std::mutex mutex_;  // Guards what follows.
  uint64_t acknowledged_ = 0;
  bool has_sent_all_ = false;
  bool has_ended_ = false;
};

class FleetTest : public ApiTest {
 protected:
  FleetTest() {
    const auto server =
        authority_.Issue({.subject = {.name = "localhost"}, .kind = pki::CertificateKind::kServer});
    const std::string path = directory_.path() + "/server";
    std::ofstream(path + ".crt") << server->certificate_pem;
    std::ofstream(path + ".key") << server->key_pem;
    tls_ = {
        .certificate = path + ".crt", .key = path + ".key", .ca = authority_.certificate_path()};
    for (size_t i = 0; i < kAgents; ++i) {
      certificates_.push_back(*authority_.Issue({.subject = {.name = absl::StrCat("web", i)}}));
    }
  }

  // Both ends of each connection are ours.
  static bool MayOpenFiles() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 3 * kAgents;
  }

  std::shared_ptr<grpc::Channel> ConnectAgent(size_t number) const {
    return Connect(grpc::SslCredentials({.pem_root_certs = authority_.certificate_pem(),
                                         .pem_private_key = certificates_[number].key_pem,
                                         .pem_cert_chain = certificates_[number].certificate_pem}));
  }

  // Has the agents of these numbers deliver, all at once. Every second one leaves in the middle, if
  // it is told to. They connect some at a time: a busy machine may not shake a thousand hands
  // within the ten seconds that each has.
  void Deliver(const std::vector<size_t>& numbers, bool half_of_them_leave) {
    std::latch ended(numbers.size());
    std::deque<std::latch> welcomed;
    std::vector<std::unique_ptr<FleetAgent>> agents;
    for (size_t begin = 0; begin < numbers.size(); begin += kConnectAtOnce) {
      const size_t end = std::min(begin + kConnectAtOnce, numbers.size());
      welcomed.emplace_back(end - begin);
      for (size_t i = begin; i < end; ++i) {
        const bool leaves = half_of_them_leave && numbers[i] % 2 == 1;
        agents.push_back(std::make_unique<FleetAgent>(
            ConnectAgent(numbers[i]), leaves ? 1 : kBatches + 1, welcomed.back(), ended));
      }
      welcomed.back().wait();
    }
    // Those that have left before are forgotten in their time.
    while (Count(&Counters::streams_open) > numbers.size()) std::this_thread::yield();
    EXPECT_EQ(Count(&Counters::streams_open), numbers.size());
    for (const auto& agent : agents) agent->Send();
    ended.wait();
    if (half_of_them_leave) return;
    for (const auto& agent : agents) {
      EXPECT_TRUE(agent->status().ok()) << agent->status().error_message();
    }
  }

  // How many events there are of each host but the collector; none is there twice.
  std::map<std::string, size_t> Events() const {
    std::map<std::string, std::set<uint32_t>> serials;
    std::map<std::string, size_t> counts;
    EXPECT_TRUE(
        store_
            ->Search({},
                     [&](const storage::FoundEvent& found) {
                       if (found.host.kind == storage::IdentityKind::kCollector) return true;
                       EXPECT_TRUE(
                           serials[found.host.name].insert(found.event.stamp().serial).second);
                       ++counts[found.host.name];
                       return true;
                     })
            .ok());
    return counts;
  }

  const pki::Authority authority_ = *pki::Authority::Create(directory_.path() + "/ca");
  std::vector<pki::NewCertificate> certificates_;
};

TEST_F(FleetTest, StoresOnceWhatAThousandAgentsDeliverAtOnce) {
  if (!MayOpenFiles()) GTEST_SKIP() << "needs 3,000 open files";
  Start();
  std::vector<size_t> all(kAgents);
  std::iota(all.begin(), all.end(), 0);
  Deliver(all, /*half_of_them_leave=*/true);
  std::vector<size_t> who_left;
  for (size_t number = 1; number < kAgents; number += 2) who_left.push_back(number);
  Deliver(who_left, /*half_of_them_leave=*/false);

  const std::map<std::string, size_t> events = Events();
  EXPECT_EQ(events.size(), kAgents);
  for (const auto& [host, count] : events) EXPECT_EQ(count, kBatches * kBatchRecords) << host;
  EXPECT_EQ(Count(&Counters::streams_accepted_total), kAgents + kAgents / 2);
  // The first batch of who left, at least, came twice.
  EXPECT_GE(Count(&Counters::batches_repeated_total), kAgents / 2);
  EXPECT_EQ(Count(&Counters::batches_stored_total), kAgents * kBatches);
  EXPECT_TRUE(Stop());
}

}  // namespace
}  // namespace server
