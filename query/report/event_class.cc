#include "query/report/event_class.h"

#include <array>
#include <linux/audit.h>

namespace query {

namespace {

// By the numbers of <linux/audit.h> and <libaudit.h>; both ends included.
struct Range {
  uint32_t first;
  uint32_t last;
  uint32_t classes;
};

constexpr auto kRanges = std::to_array<Range>({
    {1100, 1100, kIsAuthentication},
    {1102, 1102, kIsUserManagement},
    {1107, 1107, kIsUserAvc},
    {1108, 1108, kIsPasswordChange},
    {1111, 1111, kIsSystemConfig},
    {1112, 1112, kIsLogin},
    {1114, 1117, kIsAccountAddedOrDeleted},
    {1126, 1126, kIsGroupAuthentication},
    {1132, 1132, kIsGroupManagement},
    {1203, 1203, kIsDaemonConfig},
    {1305, 1305, kIsConfigChange},
    {1325, 1325, kIsNetfilterConfig},
    {1326, 1326, kIsSeccomp},
    {1328, 1328, kIsFeatureChange},
    {1400, 1400, kIsAvc},
    {1403, 1410, kIsMacPolicy | kIsMacPolicyOrMap},
    {1411, 1417, kIsMacPolicy},
    {1600, 1699, kIsKernelCrypto},
    {1700, 1799, kIsKernelAnomaly},
    {1800, 1899, kIsIntegrity},
    {2100, 2199, kIsUserAnomaly},
    {2200, 2299, kIsResponse},
    {2300, 2399, kIsLabelledSecurity},
    {2301, 2302, kIsRoleChange},
    {2312, 2312, kIsMacConfigByUser},
    {2400, 2499, kIsUserCrypto},
    {2500, 2599, kIsVirtualization},
});

}  // namespace

uint32_t EventClassesOf(uint32_t record_type) {
  uint32_t classes = 0;
  for (const Range& range : kRanges) {
    if (range.first <= record_type && record_type <= range.last) classes |= range.classes;
  }
  return classes;
}

bool IsKeystrokes(uint32_t record_type) {
  return record_type == AUDIT_TTY || record_type == AUDIT_USER_TTY;
}

std::vector<uint32_t> RecordTypesOf(uint32_t classes) {
  std::vector<uint32_t> types;
  for (const Range& range : kRanges) {
    if ((range.classes & classes) == 0) continue;
    for (uint32_t type = range.first; type <= range.last; ++type) types.push_back(type);
  }
  return types;
}

}  // namespace query
