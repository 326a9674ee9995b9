#!/usr/bin/env bash
# From photos and rough masks to a trained and scored network, every step once.
#
#   examples/own_pictures.sh SOURCE BACKGROUND OUT [COUNT] [STEPS]
#
# SOURCE holds the photos in img/ and a mask of the same name for each in masks_human/ (any gray or
# colour but black is the person). BACKGROUND holds photos that show nobody. docs/own-pictures.md
# walks through it.
set -euo pipefail
source=$1 background=$2 out=$3 count=${4:-60} steps=${5:-20}

# 1. One layout: rough/image, rough/alpha (the masks), rough/sources.csv.
humatte data import masks "$source" -o "$out/rough"
# 2. Where the masks are unsure, ...
humatte data trimap "$out/rough" -o "$out/rough/trimap"
# 3. ... KNN matting finds the soft edge.
humatte data alpha "$out/rough" -o "$out/people/alpha" --method knn
cp -r "$out/rough/image" "$out/rough/sources.csv" "$out/people/"
humatte data review "$out/people" --list all -o "$out/mattes.html"
# 4. The same people in new places; a person stays on one side of the split.
humatte data compose --people "$out/people" --background "$background" -o "$out/composed" --count "$count" --shadows
humatte data split "$out/composed" --by group --val 20%
# 5. Nothing in the way of training?
humatte data check "$out/composed" --report "$out/check.html"
# 6. Train (a few steps show that it works; leave --set train.steps out to train for real).
humatte train recipes/night.toml --data "$out/composed" --out "$out/run" --cache "$out/cache" \
    --set train.steps="$steps" --set train.batch=8 --set train.first_share=0
humatte export "$out/run" -o "$out/mine.onnx"
# 7. Score it beside the bundled network.
humatte evaluate "$out/mine.onnx" night --data "$out/composed" --by person --report "$out/scores.html"
