// Which container a process is in, told by its control groups: the text of /proc/PID/cgroup.
//
//   text := { number ":" controllers ":" path "\n" }
//   path := { "/" part }
//
//   part of a path                                      id                   made by
//   <64 hex digits>                                     the digits           docker, containerd,
//                                                                            kubelet (cgroupfs)
//   WORDS-<64 hex digits>[.scope], also with ":"        the digits           docker-, libpod-,
//   crio-,
//                                                                            cri-containerd-
//                                                                            (systemd)
//   machine-NAME.scope, systemd-nspawn@NAME.service     NAME                 systemd-machined
//   lxc.payload.NAME, and NAME behind lxc, lxc.payload  NAME                 LXC, LXD
//
// What watches a container from outside of it is not in it: conmon, lxc.monitor, and the processes
// of virtual machines (machine-qemu-...).
//
// Whoever may make control groups may give them such names, e.g. in a user's own part of the tree.
// Within a container that can be its root, so the outermost id is the one that the host gave.

#pragma once

#include <string>
#include <string_view>

namespace client_plugin {

struct Container {
  std::string id;      // The outermost. Empty: none.
  std::string nested;  // The innermost, if it is another one.

  friend bool operator==(const Container&, const Container&) = default;
};

// The container of the first control group that is of one. Ids are of letters, digits and "_.:@-",
// and no longer than 128 bytes; what is not is none.
Container ContainerOfCgroup(std::string_view text);

}  // namespace client_plugin
