#include "query/report/report_kind.h"

#include <algorithm>
#include <array>

#include "query/report/event_class.h"

namespace query {

namespace {

using enum ReportField;

constexpr std::string_view kNull = "(null)";

constexpr ReportColumn kEventColumn{kSerial, "serial"};
constexpr ReportColumn kTypeColumn{kType, "type"};
constexpr ReportColumn kSuccessColumn{kSuccess, "success"};
constexpr ReportColumn kAuidColumn{kAuid, "auid", true};
constexpr ReportColumn kPlainAuidColumn{kAuid, "auid"};
constexpr ReportColumn kSyscallColumn{kSyscall, "syscall"};
constexpr ReportColumn kExeColumn{kExe, "exe", true};
constexpr ReportColumn kCommColumn{kComm, "comm", true};
constexpr ReportColumn kTerminalColumn{kTerminal, "terminal"};
constexpr ReportColumn kHostColumn{kHost, "remote_host"};

// Where aureport prints what it has not found.
constexpr ReportColumn kBareTerminal{kTerminal, "terminal", false, kNull};
constexpr ReportColumn kBareHost{kHost, "remote_host", false, kNull};
constexpr ReportColumn kBareExe{kExe, "exe", false, kNull};

constexpr ReportColumn kAvcColumns[] = {kCommColumn,
                                        {kAvcSubject, "subject", false, kNull},
                                        kSyscallColumn,
                                        {kAvcClass, "class", false, kNull},
                                        {kAvcPermission, "permission", false, kNull},
                                        {kAvcObject, "object", false, kNull},
                                        {kAvcResult, "result"},
                                        kEventColumn};
constexpr ReportColumn kConfigColumns[] = {kTypeColumn, kPlainAuidColumn, kSuccessColumn,
                                           kEventColumn};
constexpr ReportColumn kAuthColumns[] = {{kAccountOrUid, "account", true},
                                         kBareHost,
                                         kBareTerminal,
                                         kBareExe,
                                         kSuccessColumn,
                                         kEventColumn};
constexpr ReportColumn kLoginColumns[] = {
    {kLoginUser, "user", true}, kBareHost, kBareTerminal, kBareExe, kSuccessColumn, kEventColumn};
constexpr ReportColumn kAccountColumns[] = {kAuidColumn,   kHostColumn,           kTerminalColumn,
                                            {kExe, "exe"}, {kAccount, "account"}, kSuccessColumn,
                                            kEventColumn};
constexpr ReportColumn kEventColumns[] = {kEventColumn, kTypeColumn, kAuidColumn, kSuccessColumn};
constexpr ReportColumn kFileColumns[] = {{kFile, "file", true, ""},
                                         kSyscallColumn,
                                         kSuccessColumn,
                                         kExeColumn,
                                         kAuidColumn,
                                         kEventColumn};
constexpr ReportColumn kHostColumns[] = {kHostColumn, kSyscallColumn, kAuidColumn, kEventColumn};
constexpr ReportColumn kPidColumns[] = {
    {kPid, "pid"}, kExeColumn, kSyscallColumn, kAuidColumn, kEventColumn};
constexpr ReportColumn kSyscallColumns[] = {
    kSyscallColumn, {kPid, "pid"}, kCommColumn, kAuidColumn, kEventColumn};
constexpr ReportColumn kTerminalColumns[] = {
    kTerminalColumn, kBareHost, {kExe, "exe", true, kNull}, kAuidColumn, kEventColumn};
constexpr ReportColumn kUserColumns[] = {kAuidColumn, kTerminalColumn, kHostColumn, kExeColumn,
                                         kEventColumn};
constexpr ReportColumn kExeColumns[] = {kExeColumn, kTerminalColumn, kHostColumn, kAuidColumn,
                                        kEventColumn};
constexpr ReportColumn kCommColumns[] = {kCommColumn, kTerminalColumn, kHostColumn, kAuidColumn,
                                         kEventColumn};
constexpr ReportColumn kAnomalyColumns[] = {kTypeColumn,     {kExeOrComm, "exe", true},
                                            kTerminalColumn, kHostColumn,
                                            kAuidColumn,     kEventColumn};
constexpr ReportColumn kTypeColumns[] = {kTypeColumn, kSuccessColumn, kEventColumn};
constexpr ReportColumn kMacColumns[] = {kPlainAuidColumn, kTypeColumn, kSuccessColumn,
                                        kEventColumn};
constexpr ReportColumn kCryptoColumns[] = {kAuidColumn, kTypeColumn, kSuccessColumn, kEventColumn};
constexpr ReportColumn kKeyColumns[] = {
    {kKey, "key"}, kSuccessColumn, kExeColumn, kAuidColumn, kEventColumn};
constexpr ReportColumn kTtyColumns[] = {kEventColumn,    kAuidColumn,
                                        kTerminalColumn, {kSession, "session"},
                                        kCommColumn,     {kKeystrokes, "keystrokes"}};

using L = TallyList;
using V = ValueKind;

// In the order of ReportKind.
constexpr auto kDefinitions = std::to_array<ReportDefinition>({
    {.kind = ReportKind::kOverall,
     .name = "summary",
     .title = "",
     .heading = "",
     .ruler = 0,
     .summary_title = "Summary Report",
     .summary_ruler = 22},
    {.kind = ReportKind::kTimes,
     .name = "log",
     .title = "Log Time Range Report",
     .heading = "",
     .ruler = 21},
    {ReportKind::kAvc, "avc", "AVC Report", "comm subj syscall class permission obj result event",
     63, 0, kAvcColumns, "Avc Object Summary Report", "obj", 33, L::kAvcObjects, V::kText},
    {ReportKind::kMac, "mac", "MAC Report", "auid type success event", 35, 0, kMacColumns,
     "MAC Summary Report", "type", 18, L::kTypes, V::kType,
     kIsMacPolicyOrMap | kIsLabelledSecurity},
    {ReportKind::kIntegrity, "integrity", "Integrity Report", "type success event", 30, 0,
     kTypeColumns, "Integrity Summary Report", "type", 24, L::kTypes, V::kType, kIsIntegrity},
    {ReportKind::kVirtualization, "virt", "Virtualization Report", "type success event", 30, 0,
     kTypeColumns, "Virtualization Summary Report", "type", 29, L::kTypes, V::kType,
     kIsVirtualization},
    {ReportKind::kConfig, "config", "Config Change Report", "type auid success event", 35, 0,
     kConfigColumns, "Config Change Summary Report", "type", 28, L::kTypes, V::kType,
     kConfigClasses},
    {ReportKind::kAuthentication, "auth", "Authentication Report",
     "acct host term exe success event", 44, 0, kAuthColumns, "Authentication Summary Report",
     "acct", 29, L::kAuthUsers, V::kUser},
    {ReportKind::kLogin, "login", "Login Report", "auid host term exe success event", 44, 0,
     kLoginColumns, "Login Summary Report", "auid", 28, L::kLoginUsers, V::kUser},
    {ReportKind::kAccount, "mods", "Account Modifications Report",
     "auid addr term exe acct success event", 49, 0, kAccountColumns,
     "Acct Modification Summary Report", "type", 32, L::kTypes, V::kType, kAccountClasses},
    {ReportKind::kEvent, "event", "Event Report", "event type auid success", 35, 0, kEventColumns,
     "Event Summary Report", "type", 22, L::kTypes, V::kType},
    {ReportKind::kFile, "file", "File Report", "file syscall success exe auid event", 47, 0,
     kFileColumns, "File Summary Report", "file", 27, L::kFiles, V::kEscapedText},
    {ReportKind::kHost, "host", "Host Report", "host syscall auid event", 35, 0, kHostColumns,
     "Host Summary Report", "host", 27, L::kHosts, V::kText},
    {ReportKind::kPid, "pid", "Process ID Report", "pid exe syscall auid event", 38, 0, kPidColumns,
     "Pid Summary Report", "pid", 26, L::kPids, V::kNumber},
    {ReportKind::kSyscall, "syscall", "Syscall Report", "syscall pid comm auid event", 39, 0,
     kSyscallColumns, "Syscall Summary Report", "syscall", 26, L::kSyscalls, V::kSyscall},
    {ReportKind::kTerminal, "terminal", "Terminal Report", "term host exe auid event", 36, 0,
     kTerminalColumns, "Terminal Summary Report", "terminal", 31, L::kTerminals, V::kText},
    {ReportKind::kUser, "user", "User ID Report", "auid term host exe event", 36, 0, kUserColumns,
     "User Summary Report", "auid", 27, L::kUsers, V::kUser},
    {ReportKind::kExe, "executable", "Executable Report", "exe term host auid event", 36, 0,
     kExeColumns, "Executable Summary Report", "file", 33, L::kExes, V::kEscapedText},
    {ReportKind::kComm, "comm", "Command Report", "comm term host auid event", 36, 37, kCommColumns,
     "Command Summary Report", "command", 33, L::kComms, V::kEscapedText},
    {ReportKind::kAnomalies, "anomaly", "Anomaly Report", "type exe term host auid event", 41, 0,
     kAnomalyColumns, "Anomaly Summary Report", "type", 22, L::kTypes, V::kType,
     kAnomalyClasses | kIsSeccomp},
    {ReportKind::kResponse, "response", "Response to Anomaly Report", "type success event", 30, 0,
     kTypeColumns, "Anomaly Response Summary Report", "type", 31, L::kTypes, V::kType, kIsResponse},
    {ReportKind::kCrypto, "crypto", "Crypto Report", "auid type success event", 35, 0,
     kCryptoColumns, "Crypto Summary Report", "type", 21, L::kTypes, V::kType, kCryptoClasses},
    {ReportKind::kKey, "key", "Key Report", "key success exe auid event", 47, 0, kKeyColumns,
     "Key Summary Report", "key", 27, L::kKeys, V::kEscapedText},
    {ReportKind::kTty, "tty", "TTY Report", "event auid term sess comm data", 47, 0, kTtyColumns},
});

}  // namespace

const ReportDefinition& DefinitionOf(ReportKind kind) {
  return kDefinitions[static_cast<size_t>(kind)];
}

}  // namespace query
