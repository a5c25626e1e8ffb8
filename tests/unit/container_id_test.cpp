// SPDX-License-Identifier: GPL-2.0-only
// Paths as container engines make them.
#include "aggregate/container_id.h"

#include <catch2/catch.hpp>

using namespace sockeye;

namespace {

const std::string kId = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

}  // namespace

TEST_CASE("the container's id is found in the paths of each engine", "[container_id]") {
    CHECK(container_of("/system.slice/docker-" + kId + ".scope") == kId);
    CHECK(container_of("/docker/" + kId) == kId);
    CHECK(container_of("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-" +
                       kId + ".scope") == kId);
    CHECK(container_of("/kubepods.slice/kubepods-pod1.slice/crio-" + kId + ".scope") == kId);
    CHECK(container_of("/kubepods/besteffort/pod1-2-3/" + kId) == kId);
    CHECK(container_of("/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:" + kId) == kId);
    CHECK(container_of("/machine.slice/libpod-" + kId + ".scope/container") == kId);
    CHECK(container_of("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + kId + ".scope") == kId);
}

TEST_CASE("a container inside a container is the inner one", "[container_id]") {
    const std::string inner(64, 'a');
    CHECK(container_of("/docker/" + kId + "/docker/" + inner) == inner);
}

TEST_CASE("units, sessions, engines and odd paths are no containers", "[container_id]") {
    CHECK(container_of("").empty());
    CHECK(container_of("/").empty());
    CHECK(container_of("/init.scope").empty());
    CHECK(container_of("/system.slice/nginx.service").empty());
    CHECK(container_of("/user.slice/user-0.slice/session-1.scope").empty());
    CHECK(container_of("/machine.slice/libpod-conmon-" + kId + ".scope").empty());
    CHECK(container_of("/docker/" + kId.substr(1)).empty());
    CHECK(container_of("/docker/x" + kId).empty());
    CHECK(container_of("/docker/" + std::string(64, 'G')).empty());
}
