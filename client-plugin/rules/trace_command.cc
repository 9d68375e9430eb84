#include "client-plugin/rules/trace_command.h"

#include <array>
#include <ctime>
#include <iostream>
#include <locale.h>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include <CLI/CLI.hpp>

#include "client-plugin/rules/held_process.h"
#include "client-plugin/rules/kernel_audit.h"
#include "client-plugin/rules/trace_rules.h"

namespace client_plugin {

namespace {

constexpr int kTrouble = 125;
constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;

int Trouble(const absl::Status& status, int exit_status = kTrouble) {
  std::cerr << absl::StrFormat("auspex-agent trace: %s\n", status.message());
  return exit_status;
}

// The local time in the form that `auspex search -ts` reads: that of the user's locale.
std::string NowText() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  const locale_t locale = newlocale(LC_TIME_MASK, "", nullptr);
  std::array<char, 100> text{};
  if (locale != nullptr) {
    strftime_l(text.data(), text.size(), "%x %H:%M:%S", &local, locale);
    freelocale(locale);
  } else {
    std::strftime(text.data(), text.size(), "%x %H:%M:%S", &local);
  }
  return text.data();
}

absl::Status CheckKernel(KernelAudit& kernel) {
  const absl::StatusOr<KernelAuditState> state = kernel.State();
  if (!state.ok()) return state.status();
  if (state->enabled == 0) {
    return absl::FailedPreconditionError("the kernel's audit is off (`auditctl -e 1`)");
  }
  if (state->enabled == kAuditLocked) {
    return absl::FailedPreconditionError("the rules are locked (-e 2) until the next boot");
  }
  const absl::StatusOr<std::vector<AuditRule>> rules = kernel.List();
  return rules.ok() ? CheckTraceable(*rules) : rules.status();
}

int Trace(const std::vector<std::string>& command, bool resources_only) {
  absl::StatusOr<KernelAudit> kernel = KernelAudit::Open();
  if (!kernel.ok()) return Trouble(kernel.status());
  const absl::Status checked = CheckKernel(*kernel);
  if (!checked.ok()) return Trouble(checked);

  // Its signals are blocked before there is a rule, and freed with the program: nothing but SIGKILL
  // leaves rules behind.
  absl::StatusOr<HeldProcess> process = HeldProcess::Start(command);
  if (!process.ok()) return Trouble(process.status());
  const absl::StatusOr<std::vector<AuditRule>> rules = TraceRules(process->pid(), resources_only);
  if (!rules.ok()) return Trouble(rules.status());
  TemporaryRules loaded(*kernel);
  for (const AuditRule& rule : *rules) {
    const absl::Status appended = loaded.Append(rule);
    if (!appended.ok()) return Trouble(appended);
  }
  const std::string begin = NowText();
  const absl::Status gone = process->Go();
  if (!gone.ok()) {
    std::cerr << absl::StrFormat("auspex-agent trace: %s: %s\n", command.front(), gone.message());
    return absl::IsNotFound(gone) ? kNotFound : kCannotRun;
  }
  const std::optional<int> status = process->Wait();
  const absl::Status removed = loaded.Remove();
  if (!removed.ok()) return Trouble(removed);
  std::cerr << absl::StrFormat(
      "Process %d was traced%s. Its events, and those of the processes that it has started:\n"
      "  auspex search -i -ts %s -p %d\n"
      "  auspex search -i -ts %s -pp %d\n",
      process->pid(), status ? "" : ", and goes on untraced", begin, process->pid(), begin,
      process->pid());
  return status.value_or(kTrouble);
}

}  // namespace

int RunTrace(int argc, char** argv) {
  bool resources_only = false;
  CLI::App app("Runs a command, and has all its system calls recorded", "auspex-agent trace");
  app.add_flag("-r,--resources", resources_only,
               "Only those that open, change and connect: less to record, and to read");
  app.footer("The command, and all behind it, stands at the end: auspex-agent trace -r ls /tmp");
  app.prefix_command();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // Also --help.
    return app.exit(error) == 0 ? 0 : kTrouble;
  }
  std::vector<std::string> command = app.remaining();
  if (!command.empty() && command.front() == "--") command.erase(command.begin());
  if (command.empty()) return Trouble(absl::InvalidArgumentError("there is no command to run"));
  return Trace(command, resources_only);
}

}  // namespace client_plugin
