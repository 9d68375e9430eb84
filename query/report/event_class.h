// Classes of record types that the reports of aureport(8) are about.

#pragma once

#include <cstdint>
#include <vector>

namespace query {

// What a record makes its event. A set of them is a mask, of all records of the event. The numbers
// are stored with blocks, and so is what they mean: who changes that, or adds one, counts up the
// version of tallies (storage/block_tally.cc).
enum EventClass : uint32_t {
  kIsConfigChange = 1 << 0,
  kIsDaemonConfig = 1 << 1,
  kIsSystemConfig = 1 << 2,  // USYS_CONFIG.
  kIsNetfilterConfig = 1 << 3,
  kIsFeatureChange = 1 << 4,
  kIsMacConfigByUser = 1 << 5,   // USER_MAC_CONFIG_CHANGE.
  kIsMacPolicy = 1 << 6,         // MAC_POLICY_LOAD to MAC_UNLBL_STCDEL.
  kIsMacPolicyOrMap = 1 << 7,    // Of these, up to MAC_MAP_DEL.
  kIsLabelledSecurity = 1 << 8,  // USER_MAC_POLICY_LOAD and the other messages of LSPP.
  kIsPasswordChange = 1 << 9,    // USER_CHAUTHTOK.
  kIsAccountAddedOrDeleted = 1 << 10,
  kIsUserManagement = 1 << 11,  // USER_MGMT.
  kIsGroupManagement = 1 << 12,
  kIsRoleChange = 1 << 13,
  kIsKernelCrypto = 1 << 14,
  kIsUserCrypto = 1 << 15,
  kIsLogin = 1 << 16,                // USER_LOGIN.
  kIsAuthentication = 1 << 17,       // USER_AUTH.
  kIsGroupAuthentication = 1 << 18,  // GRP_AUTH.
  kIsAvc = 1 << 19,
  kIsUserAvc = 1 << 20,
  kIsVirtualization = 1 << 21,
  kIsIntegrity = 1 << 22,
  kIsUserAnomaly = 1 << 23,
  kIsKernelAnomaly = 1 << 24,
  kIsSeccomp = 1 << 25,
  kIsResponse = 1 << 26,  // To an anomaly.
};

inline constexpr uint32_t kConfigClasses = kIsConfigChange | kIsDaemonConfig | kIsSystemConfig |
                                           kIsNetfilterConfig | kIsFeatureChange |
                                           kIsMacConfigByUser | kIsMacPolicy;
inline constexpr uint32_t kAccountClasses = kIsPasswordChange | kIsAccountAddedOrDeleted |
                                            kIsUserManagement | kIsGroupManagement | kIsRoleChange;
inline constexpr uint32_t kCryptoClasses = kIsKernelCrypto | kIsUserCrypto;
inline constexpr uint32_t kAvcClasses = kIsAvc | kIsUserAvc;
inline constexpr uint32_t kMacClasses = kIsMacPolicy | kIsLabelledSecurity;
inline constexpr uint32_t kAnomalyClasses = kIsUserAnomaly | kIsKernelAnomaly;

// Those of a record of this type.
uint32_t EventClassesOf(uint32_t record_type);

// Whether records of this type are what somebody typed: TTY and USER_TTY.
bool IsKeystrokes(uint32_t record_type);

// The types whose records have one of the classes.
std::vector<uint32_t> RecordTypesOf(uint32_t classes);

}  // namespace query
