// SPDX-License-Identifier: GPL-2.0-only
#include "events/compression.h"

#include <zstd.h>

namespace sockeye {

namespace {

constexpr int kCompressionLevel = 1;

}  // namespace

void Compressor::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }
void Decompressor::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

Compressor::Compressor() : context_(ZSTD_createCCtx()) {}
Decompressor::Decompressor() : context_(ZSTD_createDCtx()) {}

bool Compressor::append(std::span<const std::byte> raw, std::vector<std::byte>& packed) {
    const std::size_t before = packed.size();
    packed.resize(before + ZSTD_compressBound(raw.size()));
    const std::size_t size = context_ == nullptr
                                 ? 0
                                 : ZSTD_compressCCtx(context_.get(), packed.data() + before, packed.size() - before,
                                                     raw.data(), raw.size(), kCompressionLevel);
    const bool done = context_ != nullptr && ZSTD_isError(size) == 0;
    packed.resize(done ? before + size : before);
    return done;
}

bool Decompressor::unpack(std::span<const std::byte> packed, std::span<std::byte> raw) {
    if (context_ == nullptr) return false;
    const std::size_t size =
        ZSTD_decompressDCtx(context_.get(), raw.data(), raw.size(), packed.data(), packed.size());
    return ZSTD_isError(size) == 0 && size == raw.size();
}

}  // namespace sockeye
