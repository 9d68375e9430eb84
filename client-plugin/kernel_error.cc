#include "client-plugin/kernel_error.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace client_plugin {

absl::Status KernelError(const std::string& doing, int error) {
  const std::string message = absl::StrCat("audit: cannot ", doing, ": ", std::strerror(error));
  switch (error) {
    case EPERM:
    case EACCES:
      return absl::PermissionDeniedError(message);
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
    case ECONNREFUSED:
      return absl::UnimplementedError(message);
    default:
      return absl::UnavailableError(message);
  }
}

}  // namespace client_plugin
