// EnrollService (proto/auspex/v1/enroll.proto): certificates for hosts that were invited.

#pragma once

#include <semaphore>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "proto/auspex/v1/enroll.pb.h"
#include "server/api/method.h"

namespace server {

// For any thread.
class EnrollMethods {
 public:
  // The directory of the CA: see pki/authority.h. It is opened for each call, so that it can be
  // another one tomorrow. This object must outlive the calls.
  explicit EnrollMethods(std::string authority) : authority_(std::move(authority)) {}

  std::vector<Method> All();

 private:
  // The CA does one after the other, so more would only take places from those who ask.
  static constexpr int kAtOnce = 4;

  absl::Status Enroll(Call& call, const auspex::v1::EnrollRequest& request,
                      auspex::v1::EnrollResponse* response);

  const std::string authority_;
  std::counting_semaphore<kAtOnce> room_{kAtOnce};
};

}  // namespace server
