# Sourced by scripts that run CUDA builds: finds NVRTC and the headers that kernels include.
#
# cuda_toolkit PACKAGES FOLDER
#   PACKAGES  pip's folder `nvidia` (of PyTorch, or of nvidia-cuda-nvrtc-cu12 and its neighbours), or nothing
#   FOLDER    where headers are brought together, if they lie in several packages
# sets LD_LIBRARY_PATH, and CUDA_PATH unless it is set to a toolkit that has all headers.

cuda_toolkit() {
    local packages="${1:-/nowhere}" together="$2" folder
    for folder in "$packages"/*/lib /usr/local/cuda/lib64; do
        [ ! -d "$folder" ] || LD_LIBRARY_PATH="$folder${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    done
    export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:-}"
    for folder in "${CUDA_PATH:-}" /usr/local/cuda "$packages"/*; do
        if [ -f "$folder/include/cuda_fp16.h" ] && [ -f "$folder/include/crt/mma.h" ]; then
            export CUDA_PATH="$folder"
            return
        fi
    done
    # pip's packages of CUDA 12 have the headers in several folders.
    for folder in "$packages"/*/include; do
        [ -d "$folder" ] || continue
        mkdir -p "$together/include"
        cp -r "$folder/." "$together/include/"
        export CUDA_PATH="$together"
    done
}
