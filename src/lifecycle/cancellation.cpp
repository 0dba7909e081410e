// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and SIGTERM.
#include "lifecycle/cancellation.h"

#include <csignal>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <thread>

namespace kingpost::lifecycle {
namespace {

std::atomic<bool> cancel_requested{false};
std::mutex session_mutex;
sql::Session* watched_session = nullptr;

[[noreturn]] void wait_for_signals(sigset_t signals) {
  while (true) {
    int signal = 0;
    sigwait(&signals, &signal);
    if (cancel_requested.exchange(true)) ::_exit(130);
    const std::lock_guard<std::mutex> guard(session_mutex);
    if (watched_session != nullptr) watched_session->cancel();
  }
}

}  // namespace

void Cancellation::install() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread(wait_for_signals, signals).detach();
}

bool Cancellation::requested() { return cancel_requested.load(); }

void Cancellation::watch(sql::Session* session) {
  const std::lock_guard<std::mutex> guard(session_mutex);
  watched_session = session;
}

}  // namespace kingpost::lifecycle
