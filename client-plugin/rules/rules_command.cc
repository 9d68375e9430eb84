#include "client-plugin/rules/rules_command.h"

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_format.h"
#include <CLI/CLI.hpp>

#include "client-plugin/rules/kernel_audit.h"
#include "client-plugin/rules/rule_drift.h"
#include "client-plugin/rules/rule_files.h"
#include "client-plugin/rules/rule_load.h"
#include "client-plugin/rules/rule_set.h"
#include "client-plugin/rules/rule_text.h"

namespace client_plugin {

namespace {

constexpr int kWell = 0;
constexpr int kFound = 1;
constexpr int kTrouble = 2;

struct RulesArguments {
  std::vector<std::string> files;
  std::vector<std::string> directories;

  std::vector<RulePlace> Places() const {
    std::vector<RulePlace> places;
    for (const std::string& path : files) places.push_back({.path = path, .is_directory = false});
    for (const std::string& path : directories) {
      places.push_back({.path = path, .is_directory = true});
    }
    return places.empty() ? UsualRulePlaces() : places;
  }
};

int Trouble(std::string_view command, const absl::Status& status) {
  std::cerr << absl::StrFormat("auspex-agent rules %s: %s\n", command, status.message());
  return kTrouble;
}

// What was printed may be all that matters.
int Ended(std::string_view command, int status) {
  std::cout.flush();
  return std::cout ? status : Trouble(command, absl::UnavailableError("cannot write"));
}

void PrintWarnings(const std::vector<RefusedRule>& warnings) {
  for (const RefusedRule& warning : warnings) {
    std::cerr << absl::StrFormat("%s: warning: %s\n", warning.where, warning.why);
  }
}

int Load(const RulesArguments& arguments) {
  const absl::StatusOr<RuleLoad> load = LoadRules(arguments.Places());
  if (!load.ok()) return Trouble("load", load.status());
  PrintWarnings(load->warnings);
  for (const RefusedRule& refused : load->refused) std::cerr << refused.Message() << '\n';
  std::cout << absl::StrFormat("%d lines loaded, %d refused", load->accepted, load->refused.size());
  if (load->left_out > 0) {
    std::cout << absl::StrFormat(", %d behind the refused one left out", load->left_out);
  }
  std::cout << '\n';
  return Ended("load", load->is_complete ? kWell : kFound);
}

int Check(const RulesArguments& arguments) {
  const auto lines = ReadRules(arguments.Places(), {.must_be_roots = false});
  if (!lines.ok()) return Trouble("check", lines.status());
  const ExpectedRules expected = Expect(*lines);
  PrintWarnings(expected.warnings);
  for (const RefusedRule& refused : expected.refused) std::cout << refused.Message() << '\n';
  std::cout << absl::StrFormat("%d lines accepted, %d refused\n",
                               lines->size() - expected.refused.size(), expected.refused.size());
  return Ended("check", expected.refused.empty() ? kWell : kFound);
}

int List() {
  absl::StatusOr<KernelAudit> kernel = KernelAudit::Open();
  if (!kernel.ok()) return Trouble("list", kernel.status());
  const absl::StatusOr<std::vector<AuditRule>> rules = kernel->List();
  if (!rules.ok()) return Trouble("list", rules.status());
  if (rules->empty()) std::cout << "No rules\n";
  for (const AuditRule& rule : *rules) std::cout << RuleText(rule) << '\n';
  return Ended("list", kWell);
}

int Diff(const RulesArguments& arguments) {
  const absl::StatusOr<RuleDrift> drift = CheckDrift(arguments.Places(), {.must_be_roots = false});
  if (!drift.ok()) return Trouble("diff", drift.status());
  for (const RefusedRule& refused : drift->refused) std::cerr << refused.Message() << '\n';
  for (const std::string& rule : drift->missing) std::cout << "- " << rule << '\n';
  for (const std::string& rule : drift->unexpected) std::cout << "+ " << rule << '\n';
  for (const std::string& setting : drift->settings) std::cout << "! " << setting << '\n';
  if (drift->is_reordered) std::cout << "! the rules are the same, in another order\n";
  return Ended("diff", drift->empty() ? kWell : kFound);
}

}  // namespace

int RunRules(int argc, char** argv) {
  RulesArguments arguments;
  CLI::App app("Loads, checks and compares the rules of the kernel's audit", "auspex-agent rules");
  app.require_subcommand(1);
  CLI::App* const load = app.add_subcommand("load", "Load rules into the kernel");
  CLI::App* const check = app.add_subcommand("check", "Say what of the files would be refused");
  CLI::App* const list = app.add_subcommand("list", "Print the rules of the kernel");
  CLI::App* const diff = app.add_subcommand("diff", "Compare the kernel with the files");
  for (CLI::App* const command : {load, check, diff}) {
    CLI::Option* const file =
        command->add_option("--file", arguments.files, "A file of rules, as `auditctl -R` reads it")
            ->allow_extra_args(false);
    command
        ->add_option("--directory", arguments.directories,
                     "A directory of files *.rules, as augenrules reads it (default: "
                     "/etc/audit/rules.d, else the file /etc/audit/audit.rules)")
        ->allow_extra_args(false)
        ->excludes(file);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {  // Also --help.
    return app.exit(error) == 0 ? kWell : kTrouble;
  }
  if (load->parsed()) return Load(arguments);
  if (check->parsed()) return Check(arguments);
  if (list->parsed()) return List();
  return Diff(arguments);
}

}  // namespace client_plugin
