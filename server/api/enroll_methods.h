// EnrollService (proto/auspex/v1/enroll.proto): certificates for hosts that were invited.

#pragma once

#include <mutex>
#include <semaphore>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "proto/auspex/v1/enroll.pb.h"
#include "server/api/method.h"

namespace server {

// What a collector without a CA answers.
absl::Status NobodyCanEnroll();

// For any thread.
class EnrollMethods {
 public:
  // This object must outlive the calls.
  std::vector<Method> All();

  // The directory of the CA: see pki/authority.h. It is opened for each call, so that there can be
  // another one in it tomorrow. Empty, as it is at first: none, and calls are kUnimplemented.
  void SetAuthority(std::string directory);
  std::string authority() const;

 private:
  // The CA does one after the other, so more would only take places from those who ask.
  static constexpr int kAtOnce = 4;

  absl::Status Enroll(Call& call, const auspex::v1::EnrollRequest& request,
                      auspex::v1::EnrollResponse* response);

  mutable std::mutex mutex_;
  std::string authority_;  // Guarded by mutex_.
  std::counting_semaphore<kAtOnce> room_{kAtOnce};
};

}  // namespace server
