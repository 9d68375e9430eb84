#include "client-plugin/container_cgroup.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace client_plugin {

// For messages of tests.
void PrintTo(const Container& container, std::ostream* out) {
  *out << '(' << container.id << ", " << container.nested << ')';
}

namespace {

const std::string kA = std::string(32, 'a') + std::string(32, '1');
const std::string kB = std::string(32, 'b') + std::string(32, '2');

Container Of(const std::string& path) { return ContainerOfCgroup("0::" + path + "\n"); }

TEST(ContainerCgroup, KnowsWhatRuntimesMake) {
  const std::string pod = "pod6b0f9a52-54e1-4a8e-9b2f-0a4d6f1c7e11";
  const std::string paths[] = {
      "/docker/" + kA,
      "/system.slice/docker-" + kA + ".scope",
      "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + kA + ".scope",
      "/machine.slice/libpod-" + kA + ".scope",
      "/machine.slice/libpod-" + kA + ".scope/container",
      "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kA + ".scope/init",
      "/libpod_parent/libpod-" + kA,
      "/system.slice/nerdctl-" + kA + ".scope",
      "/kubepods/besteffort/" + pod + "/" + kA,
      "/kubepods/burstable/" + pod + "/crio-" + kA,
      "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod6b0f.slice/"
      "cri-containerd-" +
          kA + ".scope",
      "/kubepods.slice/kubepods-pod6b0f.slice/crio-" + kA + ".scope",
      "/kubepods.slice/kubepods-pod6b0f.slice/crio-" + kA + ".scope/container",
      "/system.slice/containerd.service/kubepods-besteffort-pod6b0f.slice:cri-containerd:" + kA,
      "/ecs/0a1b2c/" + kA,
      "/docker/" + kA + "/system.slice/sshd.service",
      "/../docker-" + kA + ".scope",
      "/system.slice/docker-" + kA + ".scope (deleted)",
  };
  for (const std::string& path : paths) EXPECT_EQ(Of(path), (Container{kA, ""})) << path;
}

TEST(ContainerCgroup, KnowsContainersWithNames) {
  const struct {
    std::string path;
    std::string id;
  } cases[] = {
      {"/machine.slice/machine-web.scope", "web"},
      {"/machine.slice/machine-web.scope/payload/system.slice/cron.service", "web"},
      {R"(/machine.slice/machine-my\x2dweb.scope)", "my-web"},
      {R"(/machine.slice/systemd-nspawn@my\x2dweb.service/payload)", "my-web"},
      {"/machine.slice/systemd-nspawn@web.service", "web"},
      {"/lxc/web", "web"},
      {"/lxc/web/init.scope", "web"},
      {"/lxc.payload/web", "web"},
      {"/lxc.payload.web/system.slice/cron.service", "web"},
      {"/user.slice/lxc.payload.my-web.2", "my-web.2"},
  };
  for (const auto& [path, id] : cases) EXPECT_EQ(Of(path), (Container{id, ""})) << path;
}

TEST(ContainerCgroup, TakesNothingElseForAContainer) {
  const std::string paths[] = {
      "",
      "/",
      "//",
      "/init.scope",
      "/system.slice/docker.service",
      "/system.slice/containerd.service",
      "/user.slice/user-1000.slice/session-3.scope",
      "/machine.slice/libpod-conmon-" + kA + ".scope",
      "/kubepods.slice/crio-conmon-" + kA + ".scope",
      R"(/machine.slice/machine-qemu\x2d1\x2dvm.scope/libvirt/emulator)",
      "/lxc.monitor.web",
      "/lxc.monitor/web",
      "/lxc",
      "/docker",
      "/docker/" + kA.substr(1),
      "/docker/" + kA + "f",
      "/docker/" + std::string(64, 'A'),
      "/docker/x" + kA,
      "/machine.slice/machine-.scope",
      "/machine.slice/machine-a b.scope",
      R"(/machine.slice/machine-a\x0ab.scope)",
      R"(/machine.slice/machine-a\x22.scope)",
      "/lxc/" + std::string(129, 'a'),
      "/process_api/6b821df83d7cf09bdc4b0bf4e719a165",
  };
  for (const std::string& path : paths) EXPECT_EQ(Of(path), Container{}) << path;
}

TEST(ContainerCgroup, TellsTheOutermostFromTheInnermost) {
  EXPECT_EQ(Of("/docker/" + kA + "/docker/" + kB), (Container{kA, kB}));
  EXPECT_EQ(Of("/docker/" + kA + "/kubelet/kubepods/pod1/" + kB), (Container{kA, kB}));
  EXPECT_EQ(Of("/lxc.payload.web/system.slice/docker-" + kA + ".scope"), (Container{"web", kA}));
  EXPECT_EQ(Of("/docker/" + kA + "/x/docker-" + kA + ".scope"), (Container{kA, ""}));
  EXPECT_EQ(Of("/docker/" + kA + "/lxc/web/docker/" + kB), (Container{kA, kB}));
}

TEST(ContainerCgroup, ReadsAllHierarchies) {
  EXPECT_EQ(ContainerOfCgroup("12:pids:/docker/" + kA + "\n11:cpu,cpuacct:/docker/" + kA +
                              "\n1:name=systemd:/docker/" + kA + "\n0::/system.slice/x.service\n"),
            (Container{kA, ""}));
  EXPECT_EQ(ContainerOfCgroup("3:cpu:/\n2:pids:/user.slice\n1:name=systemd:/docker/" + kA),
            (Container{kA, ""}));
  EXPECT_EQ(ContainerOfCgroup("1:name=a:b:/docker/" + kA), Container{});
}

TEST(ContainerCgroup, SurvivesAnything) {
  for (const std::string_view text :
       {"", "\n", ":", "::", ":::", "0::", "0:/docker", "\n\n0::/a"}) {
    EXPECT_EQ(ContainerOfCgroup(text), Container{}) << text;
  }
  const std::string text = "1:name=systemd:/lxc/web\n0::/docker/" + kA + "/machine-a\\x2db.scope\n";
  for (size_t length = 0; length < text.size(); ++length) {
    const std::string cut(text, 0, length);
    EXPECT_EQ(ContainerOfCgroup(cut).id.empty(), length < 21) << cut;
  }
}

}  // namespace
}  // namespace client_plugin
