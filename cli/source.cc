#include "cli/source.h"

namespace cli {

std::string_view IdentityName(storage::IdentityKind kind) {
  switch (kind) {
    case storage::IdentityKind::kCollector:
      return "collector";
    case storage::IdentityKind::kAddress:
      return "address";
    case storage::IdentityKind::kNode:
      return "node";
    case storage::IdentityKind::kCertificate:
      return "certificate";
  }
  return "";
}

}  // namespace cli
