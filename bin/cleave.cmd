@echo off
rem Starts Cleave from its archive on Windows, with the flags of bin/cleave. Untested: it is there
rem for those who have the machine.
setlocal
set "root=%~dp0.."
if not defined OMP_NUM_THREADS set OMP_NUM_THREADS=1
if not defined OPENBLAS_NUM_THREADS set OPENBLAS_NUM_THREADS=1
"%root%\runtime\bin\java" --enable-native-access=ALL-UNNAMED -Djava.library.path= ^
  -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 --sun-misc-unsafe-memory-access=allow -XX:+UseSerialGC -Xms32m -Xmn16m ^
  -Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8 -Dstderr.encoding=UTF-8 "-Dcleave.home=%root%" ^
  -cp "%root%\lib\*" --add-modules jdk.incubator.vector %CLEAVE_JAVA_OPTS% cleave.cli.Main %*
