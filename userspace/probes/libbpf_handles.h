// SPDX-License-Identifier: GPL-2.0-only
// Owners of libbpf's handles.
#pragma once

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <memory>

namespace sockeye {

struct LinkDeleter {
    void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using UniqueLink = std::unique_ptr<bpf_link, LinkDeleter>;

struct BtfDeleter {
    void operator()(btf* types) const { btf__free(types); }
};
using UniqueBtf = std::unique_ptr<btf, BtfDeleter>;

}  // namespace sockeye
