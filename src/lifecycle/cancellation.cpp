// SPDX-License-Identifier: Apache-2.0
// Ctrl-C and SIGTERM.
#include "lifecycle/cancellation.h"

#include <unistd.h>
#include <csignal>

#include <atomic>
#include <mutex>
#include <thread>

namespace kingpost::lifecycle {
namespace {

std::atomic<bool> cancel_requested{false};
std::mutex session_mutex;
sql::Session* watched_session = nullptr;

// A cancel that comes between two statements is lost on the engine, so it is repeated.
[[noreturn]] void wait_for_signals(sigset_t signals) {
  constexpr timespec kPause{0, 20'000'000};
  while (true) {
    const bool again = cancel_requested.load();
    const int signal =
        again ? ::sigtimedwait(&signals, nullptr, &kPause) : ::sigwaitinfo(&signals, nullptr);
    if (signal > 0 && cancel_requested.exchange(true)) ::_exit(130);
    if (signal <= 0 && !again) continue;
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
  // A file that grows beyond the limit is to be an error that is told, not an end without a word.
  std::signal(SIGXFSZ, SIG_IGN);
  std::thread(wait_for_signals, signals).detach();
}

bool Cancellation::requested() {
  return cancel_requested.load();
}

void Cancellation::watch(sql::Session* session) {
  const std::lock_guard<std::mutex> guard(session_mutex);
  watched_session = session;
}

}  // namespace kingpost::lifecycle
