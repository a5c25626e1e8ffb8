// SPDX-License-Identifier: GPL-2.0-only
// Lists of sockets. A host may have a million, and a screen shows fifty of them: rows are made of those alone that
// come first in the order asked for.
#pragma once

#include "aggregate/model.h"
#include "aggregate/row_filter.h"
#include "aggregate/snapshot.h"

namespace sockeye {

SocketList list_sockets(Model& model, const RowFilter& filter, const SocketChoice& choice);

}  // namespace sockeye
