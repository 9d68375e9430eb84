// `auspex-agent rules`: looks after the rules of the kernel's audit. See auspex-agent-rules(8).

#pragma once

namespace client_plugin {

// `auspex-agent rules load|check|list|diff`; argv[0] is "rules". Prints, and returns how the
// program ends: 0 if all is well; 1 if a line was refused (load, check), or kernel and files differ
// (diff); 2 if it could not be done.
int RunRules(int argc, char** argv);

}  // namespace client_plugin
