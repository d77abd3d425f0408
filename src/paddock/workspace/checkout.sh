# Makes the worktree exactly the commit $1. Runs in a box; GIT_DIR and GIT_WORK_TREE are ours.
set -eu
cd "$GIT_WORK_TREE"
git -c checkout.workers=0 read-tree --reset -u "$1"
git clean -ffdxq
